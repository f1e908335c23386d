"""The executor of a cluster: a run is written down here, and a job of a scheduler executes it
(`reprobox worker`). Nothing of ours stays running on the host that submits.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import resource
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reprobox.context import Context
from reprobox.errors import (
    NewerFormat,
    ReproboxError,
    RunBusy,
    RunNotFound,
    SchedulerError,
    StoreDamaged,
    UsageError,
)
from reprobox.executor import journal, local, run_home, scheduled_runs, schedulers
from reprobox.executor.attach import Follow, Sink, Watcher
from reprobox.executor.base import Job
from reprobox.executor.commits import holder
from reprobox.executor.kept_streams import Lines, kept
from reprobox.executor.scheduler import Batch, Scheduler
from reprobox.kit import files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.meanwhile import ahead, importing
from reprobox.kit.text import in_a_line
from reprobox.model import codec
from reprobox.model.record import Intent, Record
from reprobox.model.scheduled import Scheduled
from reprobox.source import refs
from reprobox.store import attempts, layout
from reprobox.store.run_state import RunState
from reprobox.store.rundir import RunDir

BATCHES = "batches"
"""Below the store: what each task of a batch executes, and what its workers wrote."""
TASKS = "tasks.jsonl"
_PREFIX = "reprobox-"
"""Of the name of a batch; the id of its first run follows."""
_LOOK, _ASK = (0.02, 0.2), (2.0, 10.0)
"""Seconds between two looks for the record, and between two questions to the scheduler: the least,
and the most. A part of the time that was waited, so that a short run is seen to end soon, and a
long one asks its controller seldom.
"""
_PART_LOOK, _PART_ASK = 0.025, 0.1
_OTHER_FILES = 256
"""Files that a process has open besides the locks of runs."""
_TRIES = 3
"""How often in a row a run may fail to be recorded: a disk that is full may have room again."""


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """What a command adds for the scheduler."""

    raw: tuple[str, ...] = ()
    gpu_model: str = ""


class ScheduledExecutor:
    """Runs on a cluster. Implements `base.Executor`."""

    def __init__(self, context: Context, name: str, options: ClusterOptions | None = None) -> None:
        self._context, self._name = context, name
        self._options = options or ClusterOptions()

    @functools.cached_property
    def _scheduler(self) -> Scheduler:
        return schedulers.of(self._name, self._options.raw)

    def prepare(self) -> None:
        """Begins to ask the scheduler about itself, and the engine here, which has the image."""
        ahead(self._scheduler.cluster)
        run_home.ask_ahead(self._context)

    def submit(self, intent: Intent, job: Job) -> None:
        """Writes the run down and gives it to the scheduler."""
        self.submit_all([(intent, job)])

    def submit_all(
        self, works: Sequence[tuple[Intent, Job]], *, at_once: int | None = None, pack: int = 1
    ) -> None:
        """Gives runs to the scheduler in one batch, `pack` to a task, and more where it does not
        take as many tasks.

        Raises:
            SchedulerError: it refuses; nothing is left of the runs.
            UsageError: there are more runs than this process may open files.
        """
        _allow_open(len(works))
        scheduler = self._scheduler
        tasks = min(math.ceil(len(works) / pack), scheduler.most_tasks())
        submission = _Submission(self._context, self._name, scheduler, works, tasks)
        try:
            submission.write()
            batch = scheduler.submit(submission.batch(self._options.gpu_model, at_once))
        except BaseException:
            submission.take_back()
            raise
        submission.note(batch)

    def follow(self, intent: Intent, job: Job, watcher: Watcher) -> Record:
        """Submits, and shows the run's output until its record is there."""
        self.submit(intent, job)
        submitted = attempts.scheduled(self._context.runs.path(intent.id))
        job_id = submitted.job if submitted else ""
        self._context.progress.note(f"run {intent.id} is job {job_id} of {self._name}")
        importing(self._context.soon)()  # while the scheduler looks for a node
        view = _View(self._context, intent.id)
        watcher.follow(view.pump, lambda kill: self.cancel(intent.id, kill=kill))
        return self._context.runs.record(intent.id)[0]

    def state(self, run_id: str) -> RunState:
        """What became of a run: by its record, else by the scheduler."""
        return scheduled_runs.state(self._context, run_id)

    def logs(self, run_id: str, *, follow: bool) -> Iterator[tuple[str, bytes]]:
        """What a run wrote; of several tries the newest."""
        if self._context.runs.finished(run_id):
            yield from kept(self._context.runs.path(run_id))
            return
        lines = Lines()
        view = _View(self._context, run_id)
        while view.pump(lines) and follow:
            yield from lines.take()
        yield from lines.take()

    def collect(self, run_id: str) -> Record:
        """Waits for a run's record."""
        view = _View(self._context, run_id)
        while view.wait():
            pass
        return self._context.runs.record(run_id)[0]

    def cancel(self, run_id: str, *, kill: bool) -> None:
        """Ends a run's job, or its part of a job that executes several runs."""
        context = self._context
        run = context.runs.path(run_id)
        submitted = attempts.scheduled(run)
        if submitted is None or context.runs.finished(run_id):
            state = self.state(run_id).name
            raise UsageError(
                f"run {run_id} is not running ({state})", next_step=f"reprobox show {run_id}"
            )
        self._end([(run, submitted)], kill)

    def cancel_all(self, run_ids: Sequence[str], *, kill: bool) -> list[str]:
        """As `cancel` for each that is not over, with one request; their ids."""
        context, found = self._context, []
        for run_id in run_ids:
            run = context.runs.path(run_id)
            try:
                submitted = attempts.scheduled(run)
            except (StoreDamaged, NewerFormat) as fault:
                context.progress.note(f"run {run_id}: {fault.what}")
                continue
            if submitted is not None and not context.runs.finished(run_id):
                found.append((run, submitted))
        self._end(found, kill)
        return [run.name for run, _ in found]

    def _end(self, found: Sequence[tuple[Path, Scheduled]], kill: bool) -> None:
        """Marks runs as stopped, for their workers, and ends the jobs that have no other runs."""
        for run, _ in found:
            (run / local.STOPPED).touch()
        tasks, jobs = _Tasks(self._context), dict[str, dict[str, None]]()
        for _, submitted in found:
            if submitted.job and (submitted.alone or not tasks.left(submitted)):
                jobs.setdefault(submitted.executor, {})[submitted.job] = None
        for executor, its in jobs.items():
            schedulers.of(executor).cancel(list(its), kill=kill)


class _Tasks:
    """The runs of tasks that execute several; the list of each batch is read once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, dict[int, list[str]]] = {}
        self._left: dict[tuple[str, int], bool] = {}

    def left(self, submitted: Scheduled) -> bool:
        """Whether a task has a run to execute that was not stopped."""
        key = submitted.name, submitted.task
        if key not in self._left:
            runs = self._of(submitted.name).get(submitted.task)
            # A list that cannot be read leaves the job alone: its workers see what was stopped.
            self._left[key] = runs is None or any(map(self._goes_on, runs))
        return self._left[key]

    def _goes_on(self, run_id: str) -> bool:
        run = self._context.runs.folder / run_id
        ended = (local.STOPPED, "record.json", attempts.WINNER)
        return run.is_dir() and not any(layout.exists(run / name) for name in ended)

    def _of(self, name: str) -> dict[int, list[str]]:
        if name not in self._known:
            made = self._known[name] = dict[int, list[str]]()
            path = _folder(self._context, name.removeprefix(_PREFIX)) / TASKS
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                for line in map(json.loads, path.read_text().splitlines()):
                    made.setdefault(line["task"], []).append(str(line["run"]))
        return self._known[name]


def _folder(context: Context, first: str) -> Path:
    """The directory of the batch whose first run has this id."""
    return context.runs.root / BATCHES / first


@dataclass(frozen=True)
class _Submission:
    """Runs on their way to a scheduler."""

    context: Context
    executor: str
    scheduler: Scheduler
    works: Sequence[tuple[Intent, Job]]
    tasks: int

    @property
    def _name(self) -> str:
        return f"{_PREFIX}{self.works[0][0].id}"

    @property
    def _folder(self) -> Path:
        return _folder(self.context, self.works[0][0].id)

    def _task_of(self, number: int) -> int:
        return number * self.tasks // len(self.works)

    def write(self) -> None:
        """The runs, held until they are submitted, and which task executes which."""
        cluster, grace = self.scheduler.cluster(), self.scheduler.grace()
        # Asked once: the index looks again at every run without a record.
        position = self.context.runs.index.last_arrival() + 1
        host = {"name": f"{self.executor} cluster {cluster}", "user": run_home.host_facts()["user"]}
        lines, commits = [], dict[str, dict[str, str]]()
        for number, (made, job) in enumerate(self.works):
            # Which host and engine execute it, the worker writes into the record.
            intent = replace(made, host=host, engine={})
            submitted = Scheduled(
                executor=self.executor,
                cluster=cluster,
                name=self._name,
                task=self._task_of(number),
                tasks=self.tasks,
                grace=grace,
                alone=len(self.works) == self.tasks,
                submitted=self.context.clock(),
            )
            extra = {"config.yaml": job.config, attempts.SCHEDULED: codec.encode(submitted)}
            _HELD[intent.id] = self.context.runs.begin(intent, extra, position + number)
            commits.setdefault(intent.source.commit, {})[intent.id] = intent.source.commit
            lines.append({"task": submitted.task, "run": intent.id, "intent": codec.digest(intent)})
        for commit, its in commits.items():
            refs.keep_all(holder(self.context, commit), its)
        layout.ensure(self.context.runs.root)
        with layout.trouble("writing a batch"):
            files.make_dir(self._folder)
            text = "".join(json.dumps(line) + "\n" for line in lines)
            files.publish(self._folder / TASKS, text.encode())

    def batch(self, gpu_model: str, at_once: int | None) -> Batch:
        """What the scheduler is asked for."""
        words = [*worker_command(), str(self.context.runs.root)]
        tasks = shlex.quote(str(self._folder / TASKS))
        return Batch(
            name=self._name,
            tasks=self.tasks,
            script="#!/bin/sh\n"
            f'exec {shlex.join(words)} --tasks {tasks} --task "{self.scheduler.task()}"\n',
            log=self._folder / "worker-{task}.log",
            directory=self.context.top,
            asked=[intent.runspec for intent, _ in self.works],
            runs_of_a_task=math.ceil(len(self.works) / self.tasks),
            gpu_model=gpu_model,
            at_once=at_once,
        )

    def note(self, batch: str) -> None:
        """The job of each run; from here on they run without this process."""
        for intent, _ in self.works:
            run = self.context.runs.path(intent.id)
            submitted = attempts.scheduled(run)
            if submitted is not None:
                job = self.scheduler.job_of(batch, submitted.task, submitted.tasks)
                attempts.note_job(run, replace(submitted, job=job))
            _HELD.pop(intent.id).release()
            journal.end(self.context, intent.id)

    def take_back(self) -> None:
        """Forgets runs that the scheduler did not take."""
        for intent, _ in self.works:
            if held := _HELD.pop(intent.id, None):
                held.release()
                with contextlib.suppress(RunBusy):
                    scheduled_runs.forget(self.context, intent.id)


_HELD: dict[str, RunDir] = {}
"""Runs that this process is submitting: while their lock is held, no other concludes anything."""


def _allow_open(runs: int) -> None:
    """Lets this process hold the lock of each run: the usual limit is 1024 open files."""
    needed = runs + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise UsageError(
            f"{runs} runs cannot be submitted at once: this process may open {hard} files",
            why="Until the scheduler has them, the lock of each run is held.",
            next_step="ulimit -Hn; or several sweeps with fewer runs each",
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def worker_command() -> list[str]:
    """How a node starts a worker; before the store."""
    from reprobox.config import cluster

    python = cluster.read().python or sys.executable
    return [python, "-m", "reprobox.cli.main", "worker"]


def _within(bounds: tuple[float, float], value: float) -> float:
    return min(max(value, bounds[0]), bounds[1])


class _View:
    """A run elsewhere, seen through the store: its record first, the scheduler now and then."""

    def __init__(self, context: Context, run_id: str) -> None:
        self._context, self._run = context, run_id
        self._begun = self._asked = time.monotonic()
        self._follow: tuple[str, Follow] | None = None
        self._failed = 0

    def pump(self, sink: Sink) -> bool:
        """Passes on what is new; whether more may come."""
        more = self.wait()
        if more:
            self._live(sink)
        else:
            self._rest(sink)
        return more

    def _live(self, sink: Sink) -> None:
        run = self._context.runs.path(self._run)
        every = attempts.tries(run)
        if not every:
            return
        newest = every[-1].name
        if self._follow is None or self._follow[0] != newest:
            if self._follow is not None:
                self._context.progress.note(f"run {self._run} was started again: {newest}")
                self._follow[1].__exit__()
            self._follow = newest, Follow(attempts.place(run, newest) / "out", sink)
        self._follow[1].pump()

    def _rest(self, sink: Sink) -> None:
        """What came after the last look: the streams have moved, and open files follow them."""
        run = self._context.runs.path(self._run)
        opened: tuple[str, ...] = ()
        if self._follow is not None:
            name, follow = self._follow
            if attempts.winner(run) in (None, name):
                follow.pump()
                opened = follow.opened
            follow.__exit__()
            self._follow = None
        for name, chunk in kept(run, but=opened):
            sink.write(name, chunk)

    def wait(self) -> bool:
        """Waits a little; whether the record is still to come. It is written here where no worker
        will.

        Raises:
            StoreDamaged, NewerFormat: what the run left cannot be read.
            RunBusy: its job is over, and it could not be recorded, several times.
        """
        if self._context.runs.finished(self._run):
            return False
        now = time.monotonic()
        if now - self._asked > _within(_ASK, _PART_ASK * (now - self._begun)):
            self._settle()
            self._asked = time.monotonic()
        else:
            time.sleep(_within(_LOOK, _PART_LOOK * (now - self._begun)))
        return not self._context.runs.finished(self._run)

    def _settle(self) -> None:
        """Asks the scheduler, and records a run whose job is over."""
        try:
            scheduled_runs.settle_run(self._context, self._run)
        except (SchedulerError, RunBusy):
            pass  # its record may still come, from a worker or from another command
        except (StoreDamaged, NewerFormat, RunNotFound):
            raise  # time does not mend it
        except (ReproboxError, OSError) as fault:
            self._failed += 1
            if self._failed >= _TRIES:
                raise RunBusy(
                    f"run {self._run} has ended and could not be recorded",
                    why=in_a_line(fault),
                    next_step=getattr(fault, "next_step", "") or f"reprobox show {self._run}",
                ) from fault
            return
        self._failed = 0
