"""`reprobox worker`: its options and words to the command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reprobox.cli.messages import Talk
from reprobox.commands import worker as command
from reprobox.context import Context
from reprobox.errors import UsageError


def worker(
    talk: Talk, store: Path, runs: Sequence[str] = (), *, tasks: Path | None = None, task: int = 0
) -> int:
    """The exit code: of the first run that did not end with 0."""
    wanted = [_task(text) for text in runs]
    if tasks is not None:
        wanted += command.tasks_of(tasks, task)
    if not wanted:
        raise UsageError("no run is named", next_step="reprobox worker --help")
    context = Context(start=store.absolute().parent, progress=talk, argv=())
    if context.runs.root.resolve() != store.resolve():
        raise UsageError(
            f"{store} is not the store of a project",
            next_step="name the directory .reprobox at the top of the repository",
        )
    return command.work(context, wanted)


def _task(text: str) -> command.Task:
    run, _, digest = text.partition("@")
    if not digest.startswith("sha256:"):
        raise UsageError(f"{text!r} has no digest", next_step="write it as RUN@sha256:...")
    return command.Task(run=run, intent=digest)
