"""`reprobox export`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import JSON, RUNS, open_context, talk_of
from reprobox.cli.transfer_options import _DEFAULT, DRY, WITH, _do, _look
from reprobox.errors import UsageError


def export(
    ctx: typer.Context,
    runs: RUNS,
    output: Annotated[
        str, typer.Option("--output", "-o", help="The file to write; - for stdout.", metavar="FILE")
    ],
    parts: WITH = _DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    anonymous: Annotated[
        bool,
        typer.Option(
            "--anonymous",
            help="Without author, host, paths and remotes; prints where a name is still left.",
        ),
    ] = False,
    dry: DRY = False,
    as_json: JSON = False,
) -> None:
    """Write runs with all they need into one file.

    `reprobox import` takes it in, elsewhere.

    Example:  reprobox export latest -o result.rbx
    """
    from reprobox.commands import export as command
    from reprobox.commands.shared import transfer

    if as_json and output == "-":
        raise UsageError(
            "the bundle and its JSON cannot both go to stdout",
            next_step="name a file with -o, or leave out --json",
        )
    talk = talk_of(ctx)
    context, wanted = open_context(ctx), transfer.parts_of(parts)
    _do(
        lambda: command.export(
            context,
            runs,
            output,
            wanted,
            _look(talk, "exporting", dry),
            force=force,
            anonymous=anonymous,
        ),
        talk,
        as_json,
    )
