"""`reprobox diff`."""

from __future__ import annotations

import typer

from reprobox.cli import verdicts
from reprobox.cli.options import JSON, RUN, open_context, talk_of


def diff(ctx: typer.Context, left: RUN, right: RUN, as_json: JSON = False) -> None:
    """Compare two runs.

    Exit code 0: every output is the same; 1: different; 60: it could not be told.

    Example:  reprobox diff latest~1 latest
    """
    from reprobox.commands import diff as command

    talk = talk_of(ctx)
    found = command.diff(open_context(ctx), left, right)
    if as_json:
        talk.data(verdicts.as_json(found))
    else:
        verdicts.show(talk, found)
    raise typer.Exit(verdicts.exit_code(found))
