"""`reprobox get`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import JSON, RUN, open_context, talk_of
from reprobox.kit.units import counted, human


def get(
    ctx: typer.Context,
    run: RUN,
    to: Annotated[
        Path,
        typer.Option("--output", "-o", help="Where to; made if it is not there.", metavar="DIR"),
    ],
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            help="Only these outputs, as `outputs:` in a config means them.",
            metavar="[PATTERN ...]",
        ),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Copy outputs of a run out of the store.

    Each is checked against its recorded hash while it is copied. Nothing that is there is replaced.

    Example:  reprobox get latest "*.pt" -o models
    """
    from reprobox.commands import get as get_

    talk = talk_of(ctx)
    found = get_.take(open_context(ctx), run, patterns or (), to)
    if as_json:
        talk.data(found)
        return
    for file in found.outputs:
        talk.line(str(to / file.path))
    talk.note(
        f"{counted(len(found.outputs), 'output')}, "
        f"{human(sum(file.size for file in found.outputs))}, from {found.id}"
    )
