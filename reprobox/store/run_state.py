"""What became of a run: computed from what is on disk and what the engine says, never stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.outcome import ContainerState, Exit

if TYPE_CHECKING:
    from reprobox.model.record import Intent

Name = Literal[
    "queued",
    "running",
    "finished",
    "failed",
    "interrupted",
    "timeout",
    "lost",
    "damaged",
    "unreadable",
    "unknown-here",
]
Containers = Callable[[str], ContainerState | None]
"""Gives the container of a name or ID, or None. May raise EngineUnavailable."""
Elsewhere = Callable[["Intent"], "str | RunState | None"]
"""Where a run was started, as text, or its state, where something else than an engine knows that;
None for one that was started on this host and engine.
"""

_ALIVE = ("running", "paused", "restarting")


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run's state and what it follows from.

    `queued` and `running` runs have no record yet. A run that is `running` and whose container has
    exited has ended, and its record is not written yet: the next command does that. `interrupted`
    and `lost` without a record likewise wait for their record. `unknown-here` is a run of another
    host or engine: what became of it can be seen only there.
    """

    name: Name
    why: str = ""
    supervised: bool = False
    """Whether a process holds the run."""
    recorded: bool = False
    container: ContainerState | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen in it by itself."""
        return self.name not in ("queued", "running", "unknown-here")


def of_exit(exit_: Exit) -> RunState:
    """The state of a run with a record: an engine's fault is never the experiment's failure."""
    return RunState(
        name=name_of(exit_.code, exit_.reason), why=exit_.message or exit_.reason, recorded=True
    )


def name_of(code: int, reason: str) -> Name:
    """State of a recorded run, from its exit code and reason."""
    names: dict[str, Name] = {
        "interrupted": "interrupted",
        "engine": "interrupted",
        "timeout": "timeout",
        "lost": "lost",
    }
    return names.get(reason, "finished" if code == 0 else "failed")


def of_another(where: str | RunState) -> RunState:
    """The state of a run without a record that another host or engine has."""
    if isinstance(where, RunState):
        return where
    return RunState(name="unknown-here", why=f"started {where}")


def of_open(*, supervised: bool, started: bool, container: ContainerState | None) -> RunState:
    """The state of a run without a record (research: protocol point 5)."""

    def answer(name: Name, why: str) -> RunState:
        return RunState(name=name, why=why, supervised=supervised, container=container)

    if container is not None and container.status in _ALIVE:
        return answer("running", "")
    if supervised:
        return answer("running" if started else "queued", "")
    if container is None:
        if started:
            return answer("lost", "its container is gone, and its end was not observed")
        return answer("interrupted", "reprobox died before the container was created")
    if container.status == "created":
        return answer("interrupted", "reprobox died before the container was started")
    if container.status == "removing":
        return answer("lost", "its container is being removed, and its end was not observed")
    return answer("running", "it has ended; its outcome is still to be collected")
