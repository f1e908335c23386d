"""What an executor is: where runs execute. `executors.EXECUTORS` names those that there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Protocol

from reprobox.data.pins import Input
from reprobox.executor.attach import Watcher
from reprobox.executor.lifeline import Lifeline
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.record import Intent, Record
from reprobox.store.run_state import RunState


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try to execute a run, under a job of a scheduler."""

    name: str
    """Of the try: part of its container's name, since two tries may share an engine."""
    project: str
    """The store that the run belongs to; a label of the container."""
    lifeline: Lifeline
    cpus: float | None = None
    memory: int | None = None
    """What the job was given: the container gets no more. Bytes."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What an execution needs besides the intent."""

    config: bytes
    """The config file as the script will see it."""
    inputs: tuple[Input, ...]
    """As they were hashed, and where those bytes are."""
    image: str
    """How the engine knows the image."""
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    gpus: str | None = None
    """Devices of this host that stand for those that were asked for."""
    cpuset: str | None = None
    """CPUs of this host that the run may use, as `0-3,8`; for `check --hardware`."""
    left_by: str | None = None
    """A run whose outputs are laid over the commit: what a preemption left in its work tree."""
    attempt: Attempt | None = None
    """Set where a scheduler runs it: the container then ends with this process."""


class Executor(Protocol):
    """Starts runs and answers for them. Every run is in the project's store from the first moment,
    so that any executor's runs are listed, compared and replayed alike.
    """

    def prepare(self) -> None:
        """Begins to ask what a submission needs to know of the engine or the scheduler, while the
        caller finds out what is to run. A failure is left to the submission.
        """

    def submit(self, intent: Intent, job: Job) -> None:
        """Starts a run and leaves it alone. Raises as the rooms say; nothing is left of a run that
        could not be started.
        """

    def submit_all(
        self, works: Sequence[tuple[Intent, Job]], *, at_once: int | None = None, pack: int = 1
    ) -> None:
        """Starts several runs; of those, at most `at_once` run at a time. Raises as `submit`.

        Args:
            pack: how many of them one job of a scheduler executes, one after the other.
        """

    def follow(self, intent: Intent, job: Job, watcher: Watcher) -> Record:
        """Starts a run and watches it to its record. Raises as `submit`."""

    def state(self, run_id: str) -> RunState:
        """What became of a run."""

    def logs(self, run_id: str, *, follow: bool) -> Iterator[tuple[str, bytes]]:
        """What a run wrote: (`stdout` or `stderr`, bytes); with `follow`, until it has ended."""

    def collect(self, run_id: str) -> Record:
        """Waits for a run's end and gives its record.

        Raises:
            RunBusy: it has ended and cannot be recorded; what is in the way was shown.
        """

    def cancel(self, run_id: str, *, kill: bool) -> None:
        """Ends a running run: TERM, then KILL; with `kill` at once.

        Raises:
            UsageError: it is not running.
            RunElsewhere: another host or engine has it.
        """

    def cancel_all(self, run_ids: Sequence[str], *, kill: bool) -> list[str]:
        """Ends those of several runs that are running; their ids. What cannot be ended is noted."""
