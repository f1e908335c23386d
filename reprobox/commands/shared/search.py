"""Where the trials of a sweep come from: a grid, or a search through Optuna."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from reprobox.config.sweep_grammar import Axis, Plan
from reprobox.errors import UsageError
from reprobox.model.sweep import Search, Sweep, Trial
from reprobox.store.run_values import Scalar

if TYPE_CHECKING:
    import optuna

SAMPLERS = {
    "tpe": "TPESampler",
    "random": "RandomSampler",
    "cmaes": "CmaEsSampler",
    "qmc": "QMCSampler",
    "gp": "GPSampler",
}
"""Name on the command line -> class in optuna.samplers."""


class Source(Protocol):
    """Gives the points of a sweep one after another."""

    @property
    def total(self) -> int:
        """How many trials there will be."""

    def more(self) -> bool:
        """Whether `next` may give another point."""

    def next(self) -> tuple[int, tuple[str, ...]] | None:
        """Number and overrides of a trial that was not begun yet; None when there is none."""

    def begun(self, trial: Trial) -> None:
        """Notes a trial that an earlier supervisor began."""

    def ended(self, trial: Trial, metrics: Mapping[str, Scalar], *, failed: bool) -> None:
        """Notes a trial that has ended."""

    def close(self) -> None:
        """Closes what the source holds open; it gives no points afterwards."""


def source(sweep: Sweep, plan: Plan, storage: Path) -> Source:
    """The trials of a sweep."""
    return Grid(plan) if sweep.search is None else Study(sweep, sweep.search, plan, storage)


class Grid:
    """Every combination of the axes' values, in order."""

    def __init__(self, plan: Plan) -> None:
        self._points: Iterator[tuple[int, tuple[str, ...]]] = enumerate(plan.grid())
        self._known: set[int] = set()
        self._given = 0
        self.total = plan.size

    def more(self) -> bool:
        """Whether points are left."""
        return self._given + len(self._known) < self.total

    def next(self) -> tuple[int, tuple[str, ...]] | None:
        """The next point that no supervisor has begun."""
        for number, overrides in self._points:
            if number not in self._known:
                self._given += 1
                return number, overrides
        return None

    def begun(self, trial: Trial) -> None:
        """The point is not given again."""
        self._known.add(trial.number)

    def ended(self, trial: Trial, metrics: Mapping[str, Scalar], *, failed: bool) -> None:
        """The point is not given again."""
        if trial.number not in self._known:
            self._known.add(trial.number)
            self._given = max(0, self._given - 1)

    def close(self) -> None:
        """Holds nothing open."""


def check(search: Search, plan: Plan) -> None:
    """Stops a search that could not work, before anything is written.

    Raises:
        UsageError: Optuna is missing, the sampler is not known, or nothing varies.
    """
    _optuna()
    if search.sampler not in SAMPLERS:
        raise UsageError(
            f"unknown search {search.sampler!r}",
            next_step=f"choose from {', '.join(SAMPLERS)}",
        )
    if not plan.axes:
        raise UsageError("nothing varies", next_step="reprobox sweep --help")


def example(plan: Plan) -> Iterator[str]:
    """Overrides of some point of the space."""
    for axis in plan.axes:
        low = axis.interval.low if axis.interval else None
        yield f"{axis.key}={axis.values[0] if low is None else _text(axis, low)}"


class Study:
    """A search; its state is Optuna's own storage next to the sweep, so that it can continue."""

    def __init__(self, sweep: Sweep, search: Search, plan: Plan, storage: Path) -> None:
        library = _optuna()
        library.logging.set_verbosity(library.logging.WARNING)
        self._plan, self._search = plan, search
        self._storage = library.storages.RDBStorage(f"sqlite:///{storage}")
        self._study: optuna.Study = library.create_study(
            study_name=sweep.id,
            storage=self._storage,
            direction=search.goal,
            sampler=self._sampler(library, 0),
            load_if_exists=True,
        )
        self._study.sampler = self._sampler(library, len(self._study.trials))
        self._open: set[int] = set()
        self.total = search.trials

    def _sampler(self, library: Any, begun: int) -> Any:
        """A sampler that draws anew after each resumption, and alike in each repetition."""
        kind = getattr(library.samplers, SAMPLERS[self._search.sampler])
        return kind(seed=self._search.seed + begun)

    def more(self) -> bool:
        """Whether the study may have another trial."""
        return len(self._open) < self.total

    def next(self) -> tuple[int, tuple[str, ...]] | None:
        """Asks the sampler."""
        if not self.more():
            return None
        self._end_unclaimed()
        trial = self._study.ask(dict(self._distributions()))
        self._open.add(trial.number)
        pairs = (f"{axis.key}={_text(axis, trial.params[axis.key])}" for axis in self._plan.axes)
        return trial.number, (*self._plan.fixed, *pairs)

    def _end_unclaimed(self) -> None:
        """A supervisor that died between asking and claiming has left a trial that has no run."""
        running = _optuna().trial.TrialState.RUNNING
        for trial in self._study.get_trials(deepcopy=False, states=(running,)):
            if trial.number not in self._open:
                self._study.tell(trial.number, state=_optuna().trial.TrialState.FAIL)

    def _distributions(self) -> Iterator[tuple[str, Any]]:
        kinds = _optuna().distributions
        for axis in self._plan.axes:
            if axis.interval is None:
                yield axis.key, kinds.CategoricalDistribution(axis.values)
            elif axis.interval.whole:
                low, high = int(axis.interval.low), int(axis.interval.high)
                yield axis.key, kinds.IntDistribution(low, high, log=axis.interval.log)
            else:
                low_, high_ = axis.interval.low, axis.interval.high
                yield axis.key, kinds.FloatDistribution(low_, high_, log=axis.interval.log)

    def begun(self, trial: Trial) -> None:
        """The trial is running, or will be again."""
        self._open.add(trial.number)

    def ended(self, trial: Trial, metrics: Mapping[str, Scalar], *, failed: bool) -> None:
        """Gives the study the metric; a run without it has failed as a trial."""
        library = _optuna()
        self._open.add(trial.number)
        known = self._study.trials[trial.number]
        if known.state.is_finished():
            return
        value = metrics.get(self._search.metric)
        if failed or not isinstance(value, (int, float)) or math.isnan(value):
            self._study.tell(trial.number, state=library.trial.TrialState.FAIL)
        else:
            self._study.tell(trial.number, float(value))

    def close(self) -> None:
        """Closes the database, which Optuna leaves to the garbage collector."""
        self._storage.remove_session()
        self._storage.engine.dispose()


def _text(axis: Axis, value: Any) -> str:
    whole = axis.interval is not None and axis.interval.whole
    return str(int(value)) if whole else value if isinstance(value, str) else repr(float(value))


def _optuna() -> Any:
    try:
        import optuna as library
    except ImportError as missing:
        raise UsageError(
            "a search needs Optuna",
            why=str(missing),
            next_step="pip install 'reprobox[search]'",
        ) from missing
    return library
