"""What a scheduler of a cluster is asked; `slurm.py` answers for Slurm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.outcome import Reason
from reprobox.model.runspec import RunSpec


@dataclass(frozen=True, kw_only=True)
class JobState:
    """What a scheduler says of a job."""

    name: Literal["queued", "running", "over"]
    word: str
    """The scheduler's own, such as NODE_FAIL."""
    why: str = ""
    node: str = ""
    reason: Reason = "lost"
    """Of a job that is over: how its run ended, where the run did not end by itself."""


@dataclass(frozen=True, kw_only=True)
class Here:
    """The job that this process is in, and what it was given."""

    job: str
    attempt: str
    """A name for this execution of the job; another one after it was requeued."""
    node: str
    restarts: int = 0
    cpus: float | None = None
    memory: int | None = None
    """Bytes."""
    gpus: tuple[str, ...] | None = None
    """Ids of devices of the host; None where the job was given none."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Jobs to submit in one call."""

    name: str
    tasks: int
    """1: a job; more: an array."""
    script: str
    log: Path
    """Where workers write; `{task}` is the number of the task."""
    directory: Path
    asked: Sequence[RunSpec]
    """Of the runs: the batch asks for what the largest needs."""
    runs_of_a_task: int = 1
    """How many of them a task executes at most, one after the other."""
    gpu_model: str = ""
    at_once: int | None = None
    """How many tasks may run at a time."""


@dataclass(frozen=True, kw_only=True)
class Partition:
    """Nodes of one kind in a partition."""

    name: str
    default: bool
    state: str
    """`up`, or the scheduler's word for what is not."""
    time_limit: str
    nodes: int
    idle: int
    cpus: int
    """Of a node; 0 where the scheduler does not say."""
    memory: int
    """Bytes of a node."""
    gpus: tuple[str, ...] = ()
    """Of a node, by model, such as `4 h100`."""


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What a cluster offers."""

    cluster: str
    version: str
    partitions: tuple[Partition, ...]
    limits: Mapping[str, str]
    """As the scheduler names them."""


class Scheduler(Protocol):
    """A scheduler. Every call raises SchedulerError where it cannot be reached or refuses."""

    def cluster(self) -> str:
        """The cluster's name."""

    def grace(self) -> float:
        """Seconds that a run may take between TERM and KILL, so that its record is written before
        the scheduler kills the worker.
        """

    def most_tasks(self) -> int:
        """How many tasks a batch may have."""

    def offers(self) -> Offers:
        """What the cluster offers."""

    def submit(self, batch: Batch) -> str:
        """Submits a batch; its id."""

    def job_of(self, batch: str, task: int, tasks: int) -> str:
        """The id of one task."""

    def task(self) -> str:
        """How a shell script of a batch names the number of its task."""

    def states(self) -> Mapping[str, JobState]:
        """The caller's jobs by id, each task of an array too. One that is not in there is over, or
        was never known.
        """

    def named(self, name: str) -> str | None:
        """The id of the batch of a name; None where there is none."""

    def cancel(self, jobs: Sequence[str], *, kill: bool) -> None:
        """Ends jobs: TERM, and KILL later; with `kill` at once. One that is over is fine."""

    def here(self) -> Here | None:
        """The job that this process is in."""

    def requeue(self, job: str) -> bool:
        """Starts a job again, elsewhere if it can; whether the scheduler does it."""
