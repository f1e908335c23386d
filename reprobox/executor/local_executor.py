"""The executor of this host: one container a run, on the engine that the context has."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from reprobox.context import Context
from reprobox.errors import ReproboxError, RunBusy, UsageError
from reprobox.executor import local, reconcile, run_home
from reprobox.executor.attach import GRACE, Follow, Watcher
from reprobox.executor.base import Job
from reprobox.executor.kept_streams import Lines, kept
from reprobox.model.record import Intent, Record
from reprobox.store.run_state import RunState

_COLLECTING = 0.1
"""Seconds between two looks at a run whose supervisor is writing the record."""


class LocalExecutor:
    """Runs of this host. Implements `base.Executor`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def prepare(self) -> None:
        """Begins to ask the engine about itself."""
        run_home.ask_ahead(self._context)

    def submit(self, intent: Intent, job: Job) -> None:
        """Starts the intent's container and leaves it alone; the next command after its end writes
        the record.
        """
        local.detach(self._context, intent, job)

    def submit_all(
        self, works: Sequence[tuple[Intent, Job]], *, at_once: int | None = None, pack: int = 1
    ) -> None:
        """Starts all of them at once: this host has no queue. `sweep --jobs` is one."""
        if at_once is not None and at_once < len(works):
            raise UsageError(
                "runs of this host have no queue", next_step="reprobox sweep config.yaml --jobs 2"
            )
        for intent, job in works:
            self.submit(intent, job)

    def follow(self, intent: Intent, job: Job, watcher: Watcher) -> Record:
        """Runs the intent's container to its end and publishes its record."""
        return local.execute(self._context, intent, job, watcher)

    def state(self, run_id: str) -> RunState:
        """What became of a run; `unknown-here` for one of another host or engine."""
        context = self._context
        return context.runs.state(
            run_id, reconcile.container_state(context), run_home.elsewhere(context)
        )

    def logs(self, run_id: str, *, follow: bool) -> Iterator[tuple[str, bytes]]:
        """What a run wrote, from its files; of a run of another host as far as it came."""
        context = self._context
        if context.runs.finished(run_id):
            yield from kept(context.runs.path(run_id))
            return
        where = run_home.elsewhere(context)(context.runs.intent(run_id))
        if where:
            context.progress.note(f"run {run_id} was started {where}; this is what it wrote so far")
        lines = Lines()
        with Follow(context.runs.path(run_id) / "out", lines) as live:
            while True:
                live.pump()
                yield from lines.take()
                if not follow or not reconcile.may_continue(context, run_id, elsewhere=bool(where)):
                    break
            live.pump()
            yield from lines.take()
            seen = live.opened
        if context.runs.finished(run_id):
            yield from kept(context.runs.path(run_id), but=seen)

    def collect(self, run_id: str) -> Record:
        """Waits for a run's record, and writes it where no supervisor does."""
        context = self._context
        elsewhere = run_home.elsewhere(context)
        while not context.runs.finished(run_id):
            there = elsewhere(context.runs.intent(run_id)) is not None
            if reconcile.may_continue(context, run_id, elsewhere=there):
                continue
            reconcile.settle(context)
            if context.runs.finished(run_id):
                break
            if not context.runs.held(run_id):
                raise RunBusy(
                    f"run {run_id} has ended and could not be recorded",
                    next_step=f"reprobox show {run_id}",
                )
            time.sleep(_COLLECTING)
        return context.runs.record(run_id)[0]

    def cancel(self, run_id: str, *, kill: bool) -> None:
        """Ends a run's container. Its supervisor writes the record; without one, this does."""
        context = self._context
        run_home.require_here(context, run_id)
        state = self.state(run_id)
        if state.over or state.container is None:
            raise UsageError(
                f"run {run_id} is not running ({state.name})", next_step=f"reprobox show {run_id}"
            )
        (context.runs.path(run_id) / local.STOPPED).touch()
        if kill:
            context.engine.kill(state.container.id)
        else:
            context.engine.stop(state.container.id, GRACE)
        reconcile.settle(context)

    def cancel_all(self, run_ids: Sequence[str], *, kill: bool) -> list[str]:
        """As `cancel`, one after the other; the ids of those that were ended."""
        ended = []
        for run_id in run_ids:
            try:
                self.cancel(run_id, kill=kill)
            except ReproboxError as fault:
                self._context.progress.note(f"run {run_id}: {fault.what}")
                continue
            ended.append(run_id)
        return ended
