"""`reprobox doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

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

    talk = talk_of(ctx)
    context = open_context(ctx)
    found = command.doctor_run(context, run) if run else command.doctor(context)
    if as_json:
        talk.data(found)
        return
    for key, value in found.items():
        for number, line in enumerate(_lines(value)):
            talk.line(f"{'' if number else key:<12}{line}")


def _lines(value: object) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}: {text}" for name, text in value.items()]
    # What is in the way of a replay is told with its reasons, in several lines.
    return (
        [line for item in value for line in str(item).split("\n")] or ["nothing"]
        if isinstance(value, list)
        else [str(value)]
    )
