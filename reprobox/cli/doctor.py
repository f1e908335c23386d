"""`reprobox doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, open_context, run_ids, talk_of


def doctor(
    ctx: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(help="A run that is to be replayed here.", autocompletion=run_ids),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Say what this machine can do.

    With a run: which sameness a replay here may expect, and why; the replay's verdict says whether
        it came true.

    Example:  reprobox doctor latest
    """
    from reprobox.commands import doctor as command
    from reprobox.views import doctor as view

    talk = talk_of(ctx)
    context = open_context(ctx)
    found = command.doctor_run(context, run) if run else command.doctor(context)
    if as_json:
        talk.data(found)
        return
    tables.draw(talk, view.sections(found))
