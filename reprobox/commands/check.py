"""check, and run --preflight: the first steps twice, under different circumstances, before the long
job.

What differs between the two: the moment of the start, the load of the host (each other, where two
fit on it at once; else a busy process next to the second), the run's directory on the host, the
directory for temporary files, and what always differs (addresses, the order in which threads come
to run). What an experiment may depend on is the same. If the two differ, the long job would not be
reproducible either.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reprobox.commands.shared import comparison, intents
from reprobox.commands.shared.code_choice import WORK_TREE, Choice
from reprobox.context import Context
from reprobox.engine import passwd
from reprobox.executor import capacity
from reprobox.executor.base import Job
from reprobox.executor.trial_runs import Trial, Trials, operations_env, trail_env
from reprobox.judge import trail
from reprobox.judge.fold import by_stdout
from reprobox.judge.trail import Operation
from reprobox.kit import proc
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.units import counted
from reprobox.model import codec
from reprobox.model.record import Intent, Record
from reprobox.model.verdict import Class, TrailComparison, Verdict

LIMIT = 600.0
"""Seconds that each of the two may take; a program that takes no optimizer step of torch is
otherwise run whole.
"""
TAG = "preflight"
_APART = 1.1
"""Seconds between the two starts at least, so that a clock of whole seconds has moved."""
_OTHER_TMP = {"TMPDIR": passwd.HOME}
_BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100000))\n"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the two runs of a preflight showed."""

    result: Class
    steps: int
    """Optimizer steps that were compared, all optimizers together."""
    whole: bool
    """Whether the program came to its own end."""
    exit: int
    """Of the program; 0 where it was stopped after its steps."""
    verdict: Verdict
    operation: Operation | None = None
    runs: tuple[str, ...] = ()
    """Ids, where they were kept."""

    @property
    def same(self) -> bool:
        """Whether nothing differed."""
        return self.result.same


def check_config(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    *,
    steps: int,
    limit: float,
    keep: bool = False,
    gpus: str | None = None,
    choice: Choice = WORK_TREE,
) -> Checked:
    """The first steps of what `run` would run, twice; see `check`. Raises as `run`, before anything
    is run.
    """
    asked = intents.temporary(context, config, overrides, gpus=gpus, choice=choice)
    with asked as (_, intent, job):
        return check(context, intent, job, steps=steps, limit=limit, keep=keep)


def check(
    context: Context,
    intent: Intent,
    job: Job,
    *,
    steps: int,
    limit: float = LIMIT,
    keep: bool = False,
) -> Checked:
    """Runs the first steps of an intent twice and compares parameters, gradients, random state and
    outputs.

    Args:
        intent: of the run that is meant; it is not run itself.
        steps: optimizer steps of torch, all optimizers together.
        limit: seconds for each of the two.
        keep: leave the two runs in the store, for a look at their outputs.

    Raises:
        KeyboardInterrupt: the user has stopped it.
    """
    known = capacity.like(context, intent.runspec)
    at_once = capacity.fit((intent.runspec,) * 2, (known,) * 2)
    context.progress.note(_announced(steps, known, at_once))
    with Trials(context, keep=keep) as trials:
        two = _Two(context, trials, intent, job, limit, at_once)
        first, second = two.run(trail_env(steps))
        found = _judge(context, first, second)
        operation = None
        if found.trail and found.trail.position:
            context.progress.note(
                "they differ: two more runs, with the operations of the first differing step"
            )
            operation = _operation(two, found.trail)
        return Checked(
            result=found.result,
            steps=found.trail.compared if found.trail else 0,
            whole=not _stopped(first) and not _stopped(second),
            exit=first.exit.code,
            verdict=found,
            operation=operation,
            runs=(first.id, second.id) if keep else (),
        )


def reasons(found: Checked) -> Iterator[str]:
    """What differs and what may be why, in a few lines."""
    seen = found.verdict.trail
    if seen and seen.state == "different":
        yield f"step {seen.step}: {seen.kind} {', '.join(seen.tensors or ())}".rstrip()
    yield from (
        f"{file.path}: {file.state}"
        for file in found.verdict.files
        if file.state.implies is Class.DIFFERENT
    )
    if found.operation:
        yield found.operation.sentence()
    yield from (
        f"possible cause: {cause.what}. {cause.advice}" for cause in found.verdict.causes[:3]
    )


def _announced(steps: int, known: Record | None, at_once: bool) -> str:
    """How many runs there will be, and how long they may take."""
    how = "at the same time" if at_once else "one after the other"
    whole = capacity.duration((known, known), at_once=at_once)
    long = (
        f"; the whole program, twice, would take about {whole}"
        if whole
        else "; no run of it is recorded yet, to say how long"
    )
    return f"preflight: 2 runs of the first {counted(steps, 'step')}, {how}{long}"


@dataclass(frozen=True)
class _Two:
    """Makes two runs of one intent under different circumstances."""

    context: Context
    trials: Trials
    intent: Intent
    job: Job
    limit: float
    at_once: bool

    def run(self, env: Mapping[str, str]) -> tuple[Record, Record]:
        """Both, with these variables."""
        first, second = (
            variant(self.context, self.intent, {**env, **other}, self.limit)
            for other in ({}, _OTHER_TMP)
        )
        if self.at_once:
            return self.trials.both(
                Trial(intent=first, job=self.job), Trial(intent=second, job=self.job), apart=_APART
            )
        begun = time.monotonic()
        one = self.trials.run(first, self.job)
        time.sleep(max(0.0, _APART - (time.monotonic() - begun)))
        with _load():
            return one, self.trials.run(second, self.job)


def variant(
    context: Context,
    intent: Intent,
    env: Mapping[str, str],
    limit: float,
    *,
    tag: str = TAG,
    argv: tuple[str, ...] = (),
) -> Intent:
    """The intent of a trial: what was asked, and what makes it observable.

    Args:
        argv: another command line than the intent's.
    """
    run_id = context.runs.new_id(context.clock())
    asked = intent.runspec
    limits = replace(asked.resources, timeout=min(limit, asked.resources.timeout or limit))
    runspec = replace(asked, env={**asked.env, **env}, resources=limits, argv=argv or asked.argv)
    return replace(
        intent,
        id=run_id,
        runspec=runspec,
        identity=codec.digest(runspec),
        name=None,
        tags=(tag,),
        created=context.clock(),
        container=f"reprobox-{run_id}",
    )


@contextmanager
def _load() -> Iterator[None]:
    """A busy process while the block runs; it ends with the block, or with this process."""
    with proc.piped([sys.executable, "-I", "-S", "-c", _BUSY], direction="read"):
        yield


def _judge(context: Context, first: Record, second: Record) -> Verdict:
    found = comparison.compare(context, first.id, second.id, trails="always")
    causes = tuple(cause for cause in found.causes if cause.what != "variable TMPDIR")
    state = found.trail.state if found.trail else None
    result = found.result
    if "timeout" in (first.exit.reason, second.exit.reason):
        # Cut off at different points, their outputs say nothing; the steps that both have taken do,
        # unless one failed in the next.
        failed = any(
            record.exit.code and record.exit.reason != "timeout" for record in (first, second)
        )
        result = Class.IDENTICAL if state == "equal" and not failed else Class.NOT_CHECKED
    elif (
        state == "equal"
        and found.exit_equal
        and first.exit.reason == "exited"
        and by_stdout(first.intent.runspec.outputs, found.files)
    ):
        result = Class.IDENTICAL  # the steps were compared, so stdout is not all there is
    if state == "different":
        result = Class.DIFFERENT
    return replace(found, causes=causes, result=result)


def _stopped(record: Record) -> bool:
    cut = record.exit.reason == "timeout"
    return cut or any(one.stopped for one in record.observed.processes)


def _operation(two: _Two, seen: TrailComparison) -> Operation | None:
    """Both again as far as the first differing step, with its operations; None where the two agree
    this time.
    """
    records = two.run(operations_env(seen.position or 0))
    name = trail.operations_file(seen.process)
    paths = [Path(two.context.runs.path(record.id)) / name for record in records]
    if not all(path.exists() for path in paths):
        return None
    found = trail.compare_operations(*paths)
    return found if found.state == "different" else None
