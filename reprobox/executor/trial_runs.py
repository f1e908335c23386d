"""Runs that are made to learn something and are gone afterwards: of a preflight, and of the search
for a first difference.

While they last they are runs like any other, with a tag, so that a death in the middle leaves
nothing that `ls` does not show.
"""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from reprobox.context import Context
from reprobox.errors import ReproboxError, RunNotFound
from reprobox.executor import commits, executors
from reprobox.executor.attach import GRACE, Watcher
from reprobox.executor.base import Job
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.record import Intent, Record
from reprobox.source import refs

if TYPE_CHECKING:
    from concurrent.futures import Future

STEPS = "REPROBOX_STOP_AFTER_STEPS"
"""Ends a process after so many optimizer steps; see runtime/payload/reprobox_stop.py."""


class Quiet:
    """A sink that shows nothing: a trial's output is its original's once more."""

    def write(self, stream: str, data: bytes) -> None:
        """Drops bytes."""


class Trials:
    """Makes trial runs; when the context ends, they are removed."""

    def __init__(self, context: Context, *, keep: bool = False) -> None:
        self._context, self._keep = context, keep
        self._made: list[Intent] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for intent in [] if self._keep else self._made:
            # One that could not be started is not a run any more. The reason is what
            # the user needs.
            with contextlib.suppress(RunNotFound):
                if self._context.runs.finished(intent.id):
                    self._context.runs.remove(intent.id)
            refs.forget(commits.holder(self._context, intent.source.commit), intent.id)

    def run(self, intent: Intent, job: Job) -> Record:
        """One trial, to its end.

        Raises:
            KeyboardInterrupt: the user has stopped it.
        """
        with self._lock:
            self._made.append(intent)
        watcher = Watcher(Quiet(), self._context.progress.note)
        record = executors.of(self._context).follow(intent, job, watcher)
        if watcher.interrupted == "user":
            raise KeyboardInterrupt
        return record

    def both(self, one: Trial, other: Trial, *, apart: float = 0.0) -> tuple[Record, Record]:
        """Two trials at the same time; what ends the first one early ends the second one too.

        Args:
            apart: seconds by which the second starts later.
        """
        from concurrent.futures import ThreadPoolExecutor  # a replay that is not a trial needs none

        called_off = threading.Event()

        def later() -> Record | None:
            return None if called_off.wait(apart) else self.run(other.intent, other.job)

        with ThreadPoolExecutor(max_workers=1) as pool:
            second = pool.submit(later)
            try:
                record, found = self.run(one.intent, one.job), second.result()
            except BaseException:
                called_off.set()
                self._end(other.intent, second)
                raise
        assert found is not None  # noqa: S101  (no caller has cancelled it)
        return record, found

    def _end(self, intent: Intent, running: Future[Record | None]) -> None:
        """Stops a trial of another thread, which may be about to start its container."""
        from concurrent.futures import wait

        while not running.done():
            with contextlib.suppress(ReproboxError):
                self._context.engine.stop(intent.container, GRACE)
            wait([running], timeout=0.2)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A run to make."""

    intent: Intent
    job: Job


def trail_env(steps: int | None) -> dict[str, str]:
    """A fingerprint of parameters and gradients at every step, and an end after so many; None: no
    end.
    """
    return {
        "REPROBOX_TRAIL": "1",
        "REPROBOX_TRAIL_GRADIENTS": "1",
        **({STEPS: str(steps)} if steps else {}),
    }


def operations_env(step: int) -> dict[str, str]:
    """Every operation of one step (counted over all optimizers), and an end after it."""
    return {"REPROBOX_OPTRACE": f"{step - 1}:{step}", STEPS: str(step)}


RESUMED_FROM = "REPROBOX_RESUMED_FROM"
"""In the environment of a run that began with what another run had left: that run's id."""


def restart_env(*, preempt: int | None = None, grace: float = 0.0) -> dict[str, str]:
    """All state before each step, and TERM after so many; see runtime/payload/reprobox_restart.py.

    Args:
        grace: seconds between TERM and KILL.
    """
    asked = {"REPROBOX_RESTART": "1", "REPROBOX_TRAIL": "1"}
    if preempt is None:
        return asked
    return {**asked, "REPROBOX_PREEMPT_AT": str(preempt), "REPROBOX_PREEMPT_GRACE": str(grace)}
