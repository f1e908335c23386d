"""sweep: runs of one commit with several values, several at a time, and nothing lost.

The supervisor starts each trial as a detached run and completes it as any command would
(executor/reconcile). It may be killed at any moment: `resume` continues where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from reprobox.commands import run as run_command
from reprobox.commands.shared import code_choice, intents
from reprobox.commands.shared import search as searches
from reprobox.commands.shared.code_choice import WORK_TREE, Choice
from reprobox.commands.shared.read_values import reader
from reprobox.config import sweep_grammar
from reprobox.config.sweep_grammar import Plan
from reprobox.context import Context
from reprobox.errors import NewerFormat, RunNotFound, StoreDamaged, UsageError
from reprobox.executor import executors, journal, reconcile, scheduled_runs
from reprobox.executor.attach import LIVE
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.source import Source
from reprobox.model.sweep import Search, Sweep, Trial
from reprobox.source import refs
from reprobox.store.run_row import RunRow
from reprobox.store.run_state import RunState
from reprobox.store.run_values import Scalar
from reprobox.store.sweeps import Sweeps

_POLL = 0.1
"""Seconds between two looks at the trials that are running."""
_BATCH = 500
"""Runs that the index is asked for at once."""
_ASK = 2.0
"""Seconds between two questions to a scheduler."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A trial that has ended, as the supervisor reports it."""

    trial: Trial
    row: RunRow
    done: int
    total: int


Report = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class TrialStatus:
    """A trial and what became of its run."""

    trial: Trial
    state: str
    row: RunRow | None
    metrics: dict[str, Scalar]


@dataclass(frozen=True, kw_only=True)
class SweepStatus:
    """A sweep and all of its trials that were begun."""

    sweep: Sweep
    total: int
    supervised: bool
    trials: tuple[TrialStatus, ...]

    @property
    def done(self) -> int:
        """Trials whose run has a record."""
        return sum(one.row is not None and bool(one.row.digest) for one in self.trials)


def begin(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    *,
    choice: Choice = WORK_TREE,
    name: str | None = None,
    tags: Sequence[str] = (),
    gpus: Sequence[str] = (),
    search: Search | None = None,
    on: str = executors.LOCAL,
    options: Sequence[str] = (),
    pack: int = 1,
) -> Sweep:
    """Pins the commit and writes down what is to be done; no trial is started.

    Args:
        choice: which code every trial runs. A snapshot is taken once, here.
        pack: how many trials of a grid a task of the scheduler executes, one after the other.

    Raises:
        DirtyTree: the tree is not clean, and neither a commit nor a snapshot is asked for.
        SourceError: git ignores the lock, so the commit does not have it.
        UsageError: nothing varies, or an interval without a search.
        ConfigError: the first trial's config is wrong.
    """
    plan = sweep_grammar.parse(overrides)
    if search is None and plan.searched:
        raise UsageError(
            "an interval has no list of values, so a search must choose them",
            next_step="reprobox sweep --search tpe --trials 40 --maximize METRIC",
        )
    executors.of(context, on, options)
    if gpus and on != executors.LOCAL:
        raise UsageError(
            "the scheduler hands out GPUs, so --gpus names none of its devices",
            next_step="ask in the config, `gpus: 1`, or after --: -- --gres=gpu:1",
        )
    _refuse_packing(pack, on, search)
    first = _first(plan, search)
    if search is not None:
        searches.check(search, plan)
    store = Sweeps(context.runs.root)
    sweep_id = store.new_id(context.clock())
    with _pinned(context, config, first, choice, sweep_id) as (source, config_path):
        sweep = Sweep(
            id=sweep_id,
            commit=source.commit,
            config_path=config_path,
            overrides=tuple(overrides),
            name=name,
            tags=tuple(tags),
            gpus=tuple(gpus),
            search=search,
            created=context.clock(),
            on="" if on == executors.LOCAL else on,
            options=tuple(options),
            pack=pack,
            snapshot=source.snapshot,
        )
        store.begin(sweep)
    return sweep


@contextmanager
def _pinned(
    context: Context, config: Path, first: Sequence[str], choice: Choice, sweep_id: str
) -> Iterator[tuple[Source, str]]:
    """The commit of every trial, and the config's path in it. A snapshot is kept by a hidden ref of
    the sweep from here on; of a sweep that could not begin, nothing is left.
    """
    with code_choice.opened(context, config, first, choice) as code:
        if choice.snapshot:
            journal.begin(context, sweep_id)
        with intents.leaving_nothing(context, sweep_id, choice.snapshot):
            code.lock(context)  # first: a new lock changes the work tree
            source = code.source(context, choice, sweep_id)
            code.require_lock(context, source)
            yield source, code.spec.config_path
        if choice.snapshot:
            journal.kept(context, sweep_id)
            if not source.snapshot:
                refs.forget(context.repo, sweep_id)  # the tree was clean


def _refuse_packing(pack: int, on: str, search: Search | None) -> None:
    if pack > 1 and on == executors.LOCAL:
        raise UsageError(
            "trials on this host have no tasks to be packed in",
            next_step="leave out --pack, or add --on slurm",
        )
    if pack > 1 and search is not None:
        raise UsageError(
            "a search submits each trial when it is chosen, so a task has one",
            next_step="leave out --pack",
        )


def _choice(sweep: Sweep) -> Choice:
    """The code of every trial."""
    return Choice(commit=sweep.commit, snapshotted=sweep.snapshot)


def _let_go(context: Context, sweep: Sweep) -> None:
    """Gives up the sweep's own ref of a snapshot: each run has one of its own."""
    if sweep.snapshot:
        refs.forget(context.repo, sweep.id)


def _first(plan: Plan, search: Search | None) -> tuple[str, ...]:
    """The overrides of some trial, to find faults in them before anything is written."""
    if search is None:
        return next(plan.grid())
    return (*plan.fixed, *searches.example(plan))


def drive(
    context: Context, sweep: Sweep, *, jobs: int | None, report: Report, watch: bool = True
) -> None:
    """Makes every trial of a sweep that is not made yet, at most `jobs` at a time.

    Args:
        jobs: None for one at a time on this host, and as many as a scheduler lets run.
        watch: wait until all have ended; a scheduler continues without.

    Raises:
        RunBusy: another process supervises the sweep.
        ReproboxError: a trial could not be started; what is running continues, and `resume`
            starts the rest.
    """
    store = Sweeps(context.runs.root)
    kind = _ClusterSupervisor if sweep.on else _Supervisor
    with store.held(sweep.id):
        supervisor = kind(context, store, sweep, jobs, report)
        with closing(supervisor):
            supervisor.run(watch=watch)


class _Supervisor:
    """Starts trials and waits for them, one thread, all state on the disk."""

    def __init__(
        self, context: Context, store: Sweeps, sweep: Sweep, jobs: int | None, report: Report
    ) -> None:
        self._context, self._store, self._sweep, self._report = context, store, sweep, report
        self._plan = sweep_grammar.parse(sweep.overrides)
        self._asked, jobs = jobs, jobs or 1
        self._jobs = min(jobs, len(sweep.gpus) or jobs)
        self._running: dict[str, Trial] = {}
        self._done = 0
        self._source = searches.source(sweep, self._plan, store.storage(sweep.id))

    def run(self, *, watch: bool) -> None:
        """Until all trials have ended; without `watch` a scheduler continues alone."""
        reconcile.settle(self._context)
        self._supervise(self._take_up())

    def close(self) -> None:
        """Closes the source of trials."""
        self._source.close()

    def _supervise(self, waiting: list[Trial]) -> None:
        while self._running or waiting or self._may_start():
            while len(self._running) < self._jobs and (waiting or self._may_start()):
                trial = waiting.pop(0) if waiting else self._next()
                if trial is None:
                    break
                self._start(trial)
            if not self._running:
                return
            self._wait()

    def _may_start(self) -> bool:
        return not self._store.asked_to_stop(self._sweep.id) and self._source.more()

    def _take_up(self) -> list[Trial]:
        """What an earlier supervisor began: running trials are waited for; those whose run never
        began are made again.
        """
        again = []
        begun = list(self._store.trials(self._sweep.id))
        rows = _rows(self._context, begun)
        for trial in begun:
            row = rows.get(trial.run)
            if row is None:
                again.append(trial)
                self._source.begun(trial)
            elif row.digest:
                self._done += 1
                self._source.ended(trial, self._metrics(trial), failed=row.exit_code != 0)
            else:
                self._source.begun(trial)
                self._running[trial.run] = trial
        return again

    def _next(self) -> Trial | None:
        point = self._source.next()
        if point is None:
            return None
        number, overrides = point
        return Trial(number=number, run="", overrides=overrides)

    def _start(self, trial: Trial) -> None:
        context = replace(self._context)  # what is read once per command is read for each trial
        taken = {one.gpu for one in self._running.values()}
        gpu = next((one for one in self._sweep.gpus if one not in taken), None)
        run_id = context.runs.new_id(context.clock())
        trial = replace(trial, run=run_id, gpu=gpu)
        self._store.claim(self._sweep.id, trial)
        self._running[run_id] = trial
        run_command.run(
            context,
            context.top / self._sweep.config_path,
            trial.overrides,
            None,
            choice=_choice(self._sweep),
            run_id=run_id,
            gpus=f"device={gpu}" if gpu is not None else None,
            name=self._sweep.name,
            tags=(*self._sweep.tags, f"sweep:{self._sweep.id}"),
        )

    def _wait(self) -> None:
        """Until at least one trial has ended."""
        while True:
            ended = [run for run in self._running if self._over(run)]
            if ended:
                break
            time.sleep(_POLL)
        trials = [self._running.pop(run_id) for run_id in ended]
        rows = _rows(self._context, trials)
        for trial in trials:
            row = rows.get(trial.run)
            self._done += 1
            failed = row is None or row.exit_code != 0
            self._source.ended(trial, self._metrics(trial) if row else {}, failed=failed)
            if row is not None:
                total = self._source.total
                self._report(Progress(trial=trial, row=row, done=self._done, total=total))

    def _over(self, run_id: str) -> bool:
        """Whether the run has its record, or is gone; completes it when its container ended."""
        try:
            if self._context.runs.finished(run_id):
                return True
        except RunNotFound:
            return True
        state = self._context.engine.state(f"reprobox-{run_id}")
        if state is not None and state.status in (*LIVE, "created"):
            return False
        reconcile.settle(self._context)
        return not self._context.runs.has(run_id) or self._context.runs.finished(run_id)

    def _metrics(self, trial: Trial) -> dict[str, Scalar]:
        return metrics_of(self._context, trial.run)


class _ClusterSupervisor(_Supervisor):
    """Gives every trial of a grid to a scheduler at once, and those of a search as they are
    chosen.
    """

    _asked_at = 0.0

    def run(self, *, watch: bool) -> None:
        reconcile.settle(self._context)
        waiting = self._take_up()
        if self._sweep.search is None:
            self._submit([*waiting, *self._rest()])
            waiting = []
        if watch or self._sweep.search is not None:
            self._supervise(waiting)

    def _rest(self) -> Iterator[Trial]:
        while self._may_start() and (trial := self._next()) is not None:
            yield trial

    def _submit(self, trials: Sequence[Trial]) -> None:
        """One batch. A process that dies in here leaves trials that `resume` submits again."""
        if not trials:
            return
        context, sweep = self._context, self._sweep
        asked = []
        for one in trials:
            trial = replace(one, run=context.runs.new_id(context.clock()))
            self._store.claim(sweep.id, trial)
            self._running[trial.run] = trial
            asked.append((trial.run, trial.overrides))
        works = intents.resolve_all(
            context,
            context.top / sweep.config_path,
            asked,
            name=sweep.name,
            tags=(*sweep.tags, f"sweep:{sweep.id}"),
            choice=_choice(sweep),
        )
        executor = executors.of(context, sweep.on, sweep.options)
        executor.submit_all(works, at_once=self._asked, pack=sweep.pack)

    def _start(self, trial: Trial) -> None:
        self._submit([trial])

    def _over(self, run_id: str) -> bool:
        if time.monotonic() - self._asked_at > _ASK:
            damaged = scheduled_runs.settle(self._context)
            self._asked_at = time.monotonic()
            for run in self._running:
                if run in damaged:
                    raise damaged[run]  # waiting would not mend it; the other trials go on
        return not self._context.runs.has(run_id) or self._context.runs.finished(run_id)


def _rows(context: Context, trials: Sequence[Trial]) -> dict[str, RunRow]:
    """The rows of the runs that there are. Asked for together: each time, the index looks again at
    every run without a record.
    """
    found = {}
    for start in range(0, len(trials), _BATCH):
        ids = [one.run for one in trials[start : start + _BATCH]]
        marks = ", ".join("?" for _ in ids)
        rows = context.runs.index.rows(f"id IN ({marks})", ids)
        found.update({row.id: row for row in rows if row.created >= 0})
    return found


def metrics_of(context: Context, run_id: str) -> dict[str, Scalar]:
    """Metrics of a run by name."""
    values = context.runs.values(run_id, reader(context)).values
    return {name: value for kind, name, _, value in values if kind == "metric"}


def status(context: Context, reference: str) -> SweepStatus:
    """A sweep's trials and what became of them."""
    reconcile.settle(context)
    store = Sweeps(context.runs.root)
    sweep = store.find(reference)
    plan = sweep_grammar.parse(sweep.overrides)
    found = SweepStatus(
        sweep=sweep,
        total=sweep.search.trials if sweep.search else plan.size,
        supervised=store.supervised(sweep.id),
        trials=_statuses(context, sweep, list(store.trials(sweep.id))),
    )
    if found.done == found.total:
        _let_go(context, sweep)
    return found


def _statuses(context: Context, sweep: Sweep, trials: Sequence[Trial]) -> tuple[TrialStatus, ...]:
    rows = _rows(context, trials)
    # A scheduler is asked once for all of them.
    there = scheduled_runs.states(context) if sweep.on else None
    return tuple(_status(context, trial, rows.get(trial.run), there) for trial in trials)


def _status(
    context: Context, trial: Trial, row: RunRow | None, there: Callable[[str], RunState] | None
) -> TrialStatus:
    if row is None:
        return TrialStatus(trial=trial, state="not started", row=None, metrics={})
    if not row.digest:
        state = _state(context, trial.run, there)
        return TrialStatus(trial=trial, state=state, row=row, metrics={})
    metrics = metrics_of(context, trial.run)
    return TrialStatus(trial=trial, state=row.state, row=row, metrics=metrics)


def _state(context: Context, run_id: str, there: Callable[[str], RunState] | None) -> str:
    try:
        if there is None:
            return executors.of_run(context, run_id).state(run_id).name
        return there(run_id).name
    except (StoreDamaged, NewerFormat):
        return "damaged"


def list_sweeps(context: Context) -> list[Sweep]:
    """Every sweep of the project, newest first."""
    store = Sweeps(context.runs.root)
    return [store.read(one) for one in reversed(store.ids())]


def stop(context: Context, reference: str) -> list[str]:
    """Starts no more trials, and stops those that are running; their runs' ids."""
    store = Sweeps(context.runs.root)
    sweep = store.find(reference)
    store.ask_to_stop(sweep.id)
    trials = status(context, sweep.id).trials
    going = [one.trial.run for one in trials if one.row is not None and not one.row.digest]
    # The options were for the jobs' submission.
    return executors.of(context, sweep.on or executors.LOCAL).cancel_all(going, kill=False)


def runs_of(context: Context, reference: str) -> Iterator[str]:
    """The recorded runs of a sweep, by trial."""
    for one in status(context, reference).trials:
        if one.row is not None and one.row.digest:
            yield one.trial.run
