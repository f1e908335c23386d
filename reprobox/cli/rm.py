"""`reprobox rm`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import open_context, talk_of


def remove(
    ctx: typer.Context, runs: Annotated[list[str], typer.Argument(help="Runs.", metavar="RUN...")]
) -> None:
    """Remove runs with their outputs.

    A run that is going is refused, and then none of the others is removed either.

    Example:  reprobox rm 20261120-153012-brave-otter-3f9c
    """
    from reprobox.commands import rm

    for run_id in rm.remove(open_context(ctx), runs):
        talk_of(ctx).note(f"removed {run_id}")
