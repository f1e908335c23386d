"""`reprobox worker`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reprobox.cli.options import talk_of
from reprobox.errors import UsageError

if TYPE_CHECKING:
    from reprobox.commands.worker import Task


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
    from reprobox.commands import worker as command
    from reprobox.context import Context

    wanted = [_task(text) for text in runs or ()]
    if tasks is not None:
        wanted += command.tasks_of(tasks, task)
    if not wanted:
        raise UsageError("no run is named", next_step="reprobox worker --help")
    top = store.absolute().parent
    context = Context(start=top, progress=talk_of(ctx), argv=())
    if context.runs.root.resolve() != store.resolve():
        raise UsageError(
            f"{store} is not the store of a project",
            next_step="name the directory .reprobox at the top of the repository",
        )
    raise typer.Exit(command.work(context, wanted))


def _task(text: str) -> Task:
    from reprobox.commands.worker import Task

    run, _, digest = text.partition("@")
    if not digest.startswith("sha256:"):
        raise UsageError(f"{text!r} has no digest", next_step="write it as RUN@sha256:...")
    return Task(run=run, intent=digest)
