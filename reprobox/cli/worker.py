"""`reprobox worker`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import talk_of


def worker(
    ctx: typer.Context,
    store: Annotated[Path, typer.Argument(help="The project's store: PROJECT/.reprobox.")],
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Submitted runs, each with its digest.", metavar="[RUN@sha256:...]"),
    ] = None,
    tasks: Annotated[
        Path | None, typer.Option("--tasks", help="The list of a batch.", metavar="FILE")
    ] = None,
    task: Annotated[int, typer.Option("--task", help="Which task of the batch.", min=0)] = 0,
) -> None:
    """Execute submitted runs, as a job of a scheduler.

    What was submitted is executed, whatever is checked out or edited since: everything is taken by
        digest. A run that has its record is not executed again. The container ends with this
        process.

    Example:  reprobox worker /shared/project/.reprobox \
20261120-153012-brave-otter-3f9c@sha256:...
    """
    from reprobox.cli.plain import worker as plain

    raise typer.Exit(plain.worker(talk_of(ctx), store, runs or (), tasks=tasks, task=task))
