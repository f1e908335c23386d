"""The schedulers that are known, by name. Adding one is a module and a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reprobox.errors import SchedulerError
from reprobox.executor.scheduler import Scheduler

if TYPE_CHECKING:
    from reprobox.config.cluster import SlurmSettings


def _slurm(options: Sequence[str]) -> Scheduler:
    from reprobox.executor.slurm import Slurm

    def settings() -> SlurmSettings:
        from reprobox.config import cluster

        return cluster.read()

    return Slurm(settings, options)


SCHEDULERS: dict[str, Callable[[Sequence[str]], Scheduler]] = {"slurm": _slurm}


def of(name: str, options: Sequence[str] = ()) -> Scheduler:
    """A scheduler by its name; `options` go to it as they are."""
    made = SCHEDULERS.get(name)
    if made is None:
        raise SchedulerError(
            f"this reprobox does not know the scheduler {name!r}",
            next_step=f"one of: {', '.join(sorted(SCHEDULERS))}",
        )
    return made(options)


def here() -> tuple[str, Scheduler] | None:
    """The scheduler whose job this process is in."""
    for name in SCHEDULERS:
        one = of(name)
        if one.here() is not None:
            return name, one
    return None
