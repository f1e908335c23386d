"""A sweep: runs of one commit that differ in a few config values."""

from __future__ import annotations

from typing import Literal

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.later import later

SWEEP, TRIAL = "reprobox.sweep/1", "reprobox.trial/1"
Goal = Literal["maximize", "minimize"]


@dataclass(frozen=True, kw_only=True)
class Search:
    """How values are chosen where the axes leave it open."""

    sampler: str
    trials: int
    metric: str
    goal: Goal
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What was asked for when the sweep began; never changed afterwards."""

    id: str
    commit: str
    """Every trial runs this commit, whatever is checked out or edited meanwhile."""
    config_path: str
    """Relative to the top of the repository."""
    overrides: tuple[str, ...]
    """As typed: axes and fixed values."""
    name: str | None = None
    tags: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
    """Devices that are handed out, one for each trial at a time; none: every trial gets what the
    config says.
    """
    search: Search | None = None
    created: float = 0.0
    on: str = later("")
    """The executor of the trials; empty for this host."""
    options: tuple[str, ...] = later(())
    """Of the executor's scheduler."""
    pack: int = later(1)
    """How many runs a task of the scheduler executes, one after the other."""
    snapshot: bool = later(False)
    """Whether the commit is a snapshot of a work tree that was not clean."""
    format: str = SWEEP


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One point of a sweep and the run that stands for it."""

    number: int
    """From 0."""
    run: str
    overrides: tuple[str, ...]
    gpu: str | None = None
    format: str = TRIAL
