"""`reprobox stop`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import RUN, open_context


def stop(
    ctx: typer.Context,
    run: RUN,
    kill: Annotated[
        bool, typer.Option("--kill", help="At once, without the chance to end by itself.")
    ] = False,
) -> None:
    """Stop a run.

    TERM, then KILL after ten seconds. Its record says so.

    Example:  reprobox stop latest
    """
    from reprobox.commands import stop as command

    command.stop(open_context(ctx), run, kill=kill)
