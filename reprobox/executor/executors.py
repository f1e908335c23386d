"""The executors that are known, by name. Adding one is a module and a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from reprobox.context import Context
from reprobox.errors import StoreDamaged, UsageError
from reprobox.executor.base import Executor
from reprobox.executor.local_executor import LocalExecutor
from reprobox.model.record import Intent
from reprobox.store import attempts

LOCAL = "local"


def _local(context: Context, options: Sequence[str], _gpu_model: str) -> Executor:
    if options:
        raise UsageError(
            f"options of a scheduler were given, and the run stays on this host: {options[0]}",
            next_step="add --on slurm, or leave them out",
        )
    return LocalExecutor(context)


def _slurm(context: Context, options: Sequence[str], gpu_model: str) -> Executor:
    from reprobox.executor.scheduled_executor import ClusterOptions, ScheduledExecutor

    return ScheduledExecutor(
        context, "slurm", ClusterOptions(raw=tuple(options), gpu_model=gpu_model)
    )


EXECUTORS: dict[str, Callable[[Context, Sequence[str], str], Executor]] = {
    LOCAL: _local,
    "slurm": _slurm,
}


def of(
    context: Context, name: str = LOCAL, options: Sequence[str] = (), gpu_model: str = ""
) -> Executor:
    """An executor by its name.

    Args:
        options: go to the scheduler as they are.
        gpu_model: what its GPUs must be; empty for any.

    Raises:
        UsageError: no executor has the name, or it takes no options.
    """
    made = EXECUTORS.get(name)
    if made is None:
        raise UsageError(
            f"there is no executor {name!r}", next_step=f"one of: {', '.join(sorted(EXECUTORS))}"
        )
    return made(context, options, gpu_model)


def of_run(context: Context, run_id: str) -> Executor:
    """The executor that a run was given to.

    Raises:
        StoreDamaged: what was given to a scheduler cannot be read.
    """
    run = context.runs.path(run_id)
    if context.runs.finished(run_id):
        return of(context, _recorded(run))
    submitted = attempts.scheduled(run)
    if submitted is None and _of_a_cluster(context.runs.intent(run_id)):
        raise attempts.lost(run)
    return of(context, submitted.executor if submitted else LOCAL)


def _recorded(run: Path) -> str:
    """The executor of a run that has its record: nothing is left to ask a scheduler, so damage of
    the submission is for `fsck` to report.
    """
    try:
        submitted = attempts.scheduled(run)
    except StoreDamaged:
        return LOCAL
    return submitted.executor if submitted else LOCAL


def _of_a_cluster(intent: Intent) -> bool:
    """Whether an intent was made for a scheduler (`scheduled_executor`): no engine is known yet,
    and a cluster stands for the host.
    """
    return not intent.engine and " cluster " in str(intent.host.get("name", ""))
