"""explain: the first step, tensor and operation at which two runs diverge, by running both again as
far as that.

A trail of each k steps gives a window; both runs are made again with k = 1, up to its end. Their
requests (threads, seed, code, data) are taken from the records, so a difference that comes from a
request appears again. One that comes from another machine does not, and the result says so.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from reprobox.commands import replay
from reprobox.commands.shared import comparison
from reprobox.context import Context
from reprobox.errors import NotComparable
from reprobox.executor import capacity, reconcile
from reprobox.executor.trial_runs import Trial, Trials, operations_env, trail_env
from reprobox.judge import trail
from reprobox.judge.trail import Operation
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.record import Record
from reprobox.model.verdict import TrailComparison, Verdict


@dataclass(frozen=True, kw_only=True)
class Explained:
    """Why two runs differ, as far as running them again can show."""

    verdict: Verdict
    first: TrailComparison | None = None
    """The comparison of the two trails with a fingerprint at each step."""
    operation: Operation | None = None
    notes: tuple[str, ...] = ()


def explain(
    context: Context,
    left: str,
    right: str,
    *,
    operations: bool,
    secrets: bool = False,
    trust: bool = False,
    trust_runtime: bool = False,
) -> Explained:
    """Compares two runs and finds where they part.

    Args:
        operations: trace the operations of the first differing step.
        secrets, trust, trust_runtime: as `replay`.

    Raises:
        whatever `replay` raises for either run.
    """
    ours, theirs = reconcile.find_all(context, (left, right))
    verdict = comparison.compare(context, ours, theirs, trails="always")
    seen = verdict.trail
    agree = verdict.same if seen is None else seen.state == "equal"
    if agree or not _trains(context, ours):
        return Explained(verdict=verdict)
    if seen and _exact(seen) and not operations:
        return Explained(verdict=verdict, first=seen)
    with Trials(context) as trials:
        return _Search(context, trials, (ours, theirs), secrets, trust, trust_runtime).find(
            verdict, seen, operations=operations
        )


def _trains(context: Context, run_id: str) -> bool:
    """Whether the run used torch, whose optimizer steps are what a trail is made of."""
    record, _ = context.runs.record(run_id)
    return any(one.torch for one in record.observed.processes)


def _exact(seen: TrailComparison) -> bool:
    """Whether a trail names the very step that differs."""
    return seen.window is not None and seen.window[1] - seen.window[0] == 1


@dataclass(frozen=True)
class _Search:
    """The two runs, made again as often as it takes."""

    context: Context
    trials: Trials
    runs: tuple[str, str]
    secrets: bool
    trust: bool
    trust_runtime: bool

    def find(
        self, verdict: Verdict, seen: TrailComparison | None, *, operations: bool
    ) -> Explained:
        """First the step, where the trails are too coarse to show it, then the operation."""
        notes: list[str] = []
        exact = seen if seen and _exact(seen) else None
        self.context.progress.note(self._announced((exact is None) + operations))
        first = exact or self._step(seen, notes)
        operation = None
        if operations and first.state == "different":
            operation = self._operation(first, notes)
        return Explained(verdict=verdict, first=first, operation=operation, notes=tuple(notes))

    def _step(self, seen: TrailComparison | None, notes: list[str]) -> TrailComparison:
        """Both with k = 1 up to the end of the window; whole, without a window, or where
        several optimizers take turns.
        """
        window = seen.window if seen and (seen.optimizers or 1) == 1 else None
        limit = window[1] if window else None
        self.context.progress.note(
            f"running both again {f'up to step {limit}' if limit else 'whole'}, with a trail at "
            "each step"
        )
        left, right = self._pair(trail_env(limit))
        notes += self._true_to_itself((left, right))
        found = trail.compare_runs(self._path(left), self._path(right))
        if found is None:
            why = "no optimizer step of torch was taken"
            return TrailComparison(state="not-checked", why=why)
        if found.state == "equal":
            notes.append(
                "run again here the two agree: what parted them is not in what was recorded "
                "(hardware, clock, chance)"
            )
        return found

    def _true_to_itself(self, again: tuple[Record, Record]) -> list[str]:
        """A run that, made again, leaves its own recorded trail is not deterministic; then the step
        may be another each time.
        """
        notes = []
        for run_id, record in zip(self.runs, again, strict=True):
            found = trail.compare_runs(self.context.runs.path(run_id), self._path(record))
            if found and found.state == "different":
                notes.append(
                    f"{run_id}, run again here, diverges from its own trail by step {found.step}: "
                    "it is not deterministic"
                )
        return notes

    def _operation(self, first: TrailComparison, notes: list[str]) -> Operation | None:
        step = first.position or first.step or 0
        self.context.progress.note(f"running both again up to step {step}, tracing its operations")
        left, right = self._pair(operations_env(step))
        name = trail.operations_file(first.process)
        try:
            return trail.compare_operations(self._path(left) / name, self._path(right) / name)
        except (FileNotFoundError, NotComparable) as error:
            notes.append(f"the operations could not be compared: {error}")
            return None

    def _pair(self, env: dict[str, str]) -> tuple[Record, Record]:
        left, right = (self._again(run_id, env) for run_id in self.runs)
        if self._at_once:
            return self.trials.both(left, right)
        return self.trials.run(left.intent, left.job), self.trials.run(right.intent, right.job)

    def _again(self, run_id: str, env: dict[str, str]) -> Trial:
        original, digest = self.context.runs.record(run_id)
        made = replay.ready(
            self.context,
            original,
            digest,
            env=env,
            tags=("explain",),
            secrets=self.secrets,
            trust=self.trust,
            trust_runtime=self.trust_runtime,
        )
        return Trial(intent=made.intent, job=made.job)

    @cached_property
    def _records(self) -> tuple[Record, ...]:
        return tuple(self.context.runs.record(run_id)[0] for run_id in self.runs)

    @cached_property
    def _at_once(self) -> bool:
        return capacity.fit([record.intent.runspec for record in self._records], self._records)

    def _announced(self, rounds: int) -> str:
        """How many runs there will be, and how long they may take."""
        how = "two at the same time" if self._at_once else "one after the other"
        whole = capacity.duration(self._records, at_once=self._at_once)
        long = f"; whole, two take about {whole}" if whole else ""
        return f"explain: {'up to ' if rounds > 1 else ''}{2 * rounds} runs, {how}{long}"

    def _path(self, record: Record) -> Path:
        return self.context.runs.path(record.id)
