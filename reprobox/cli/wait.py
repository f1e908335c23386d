"""`reprobox wait`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import JSON, open_context, talk_of


def wait(
    ctx: typer.Context,
    runs: Annotated[list[str], typer.Argument(help="Runs.", metavar="RUN...")],
    as_json: JSON = False,
) -> None:
    """Wait until runs have ended.

    Exits with the exit code of the first run in the list that did not end with 0, as `reprobox run`
        would have.

    Example:  reprobox wait latest
    """
    from reprobox.commands import wait as command
    from reprobox.views import run as view

    talk = talk_of(ctx)
    records = []
    for record in command.wait(open_context(ctx), runs):
        talk.note(view.end(record))
        records.append(record)
    if as_json:
        talk.data(
            [{"id": one.id, "exit": one.exit, "exit_code": one.exit.status} for one in records]
        )
    raise typer.Exit(next((one.exit.status for one in records if one.exit.status), 0))
