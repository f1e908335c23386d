"""`reprobox note`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import JSON, RUN, open_context, talk_of


def note(
    ctx: typer.Context,
    run: RUN,
    text: Annotated[str, typer.Argument(help="What to remember about the run.")],
    as_json: JSON = False,
) -> None:
    """Write a note about a run; `show` prints its notes.

    Example:  reprobox note latest "learning rate too high"
    """
    from reprobox.commands import note as command

    found = command.note(open_context(ctx), run, text)
    talk_of(ctx).data({"id": found, "note": text}) if as_json else talk_of(ctx).line(found)
