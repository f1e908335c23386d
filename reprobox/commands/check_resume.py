"""check --resume: whether a run that is preempted and continued gives what it would have given.

Three runs: to the end; until it is preempted after step K (TERM, as a scheduler sends it, and KILL
after the grace); and the program's own way to continue, in the work tree that the second one left.
The third is compared with the first, state by state before each step, and file by file at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from pathlib import Path

from reprobox.commands import check
from reprobox.commands.shared import comparison, intents
from reprobox.commands.shared.code_choice import WORK_TREE, Choice
from reprobox.context import Context
from reprobox.executor.base import Job
from reprobox.executor.trial_runs import RESUMED_FROM, Trials, restart_env
from reprobox.judge import restart, trail
from reprobox.judge.restart import Unrestored
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import shown
from reprobox.kit.units import counted
from reprobox.model.record import Intent, Record
from reprobox.model.spec import Spec
from reprobox.model.verdict import Class, FileState, FileVerdict, Verdict, worst

TAG = "restart"
GRACE = 30.0
"""Seconds between TERM and KILL, as Slurm's KillWait."""
_USER = "user"
"""The optimizer of steps that the program writes itself, in a trail."""


@dataclass(frozen=True, kw_only=True)
class Restarted:
    """What the three runs of a restart showed."""

    result: Class
    step: int
    """After which the run was preempted."""
    total: int
    """Steps of the uninterrupted run."""
    after: int | None = None
    """The step after which the resumed run continued."""
    compared: int = 0
    """Steps that were compared and are the same."""
    unrestored: tuple[Unrestored, ...] = ()
    files: tuple[FileVerdict, ...] = ()
    leftovers: tuple[str, ...] = ()
    """What the preempted run has left and the uninterrupted one has not, such as its checkpoint."""
    why: str = ""
    """Where nothing could be compared, or the resumed run failed."""
    runs: tuple[str, ...] = ()
    """Ids, where they were kept."""

    @property
    def same(self) -> bool:
        return self.result.same


def check_resume(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    *,
    step: int,
    grace: float = GRACE,
    limit: float = check.LIMIT,
    keep: bool = False,
    gpus: str | None = None,
    choice: Choice = WORK_TREE,
) -> Restarted:
    """Preempts a run after a step, continues it, and compares with an uninterrupted one.

    Args:
        step: optimizer steps of torch, all optimizers together; or the number of a step that the
            program writes with `reprobox_trail.log`.
        grace: seconds between TERM and KILL.
        limit: seconds for each of the three.

    Raises:
        as `run`, before anything is run.
    """
    asked = intents.temporary(context, config, overrides, gpus=gpus, choice=choice)
    with asked as (spec, intent, job), Trials(context, keep=keep) as trials:
        three = _Three(context, trials, spec, intent, job, limit, [])
        found = three.compare(step, grace)
        return replace(found, runs=tuple(three.made) if keep else ())


@dataclass(frozen=True)
class _Three:
    context: Context
    trials: Trials
    spec: Spec
    intent: Intent
    job: Job
    limit: float
    made: list[str] = field(default_factory=list)

    def compare(self, step: int, grace: float) -> Restarted:
        self._say("restart: run 1 of 3, to its end")
        whole = self._run(restart_env())
        total = _steps(self.context, whole)
        nothing = Restarted(result=Class.NOT_CHECKED, step=step, total=total)
        if why := _cannot_be_stopped(whole, total, step):
            return replace(nothing, why=why)
        self._say(f"restart: run 2 of 3, TERM after step {step} of {total}")
        stopped = self._run(restart_env(preempt=step, grace=grace))
        if _steps(self.context, stopped) >= total:
            return replace(nothing, why="the program continued to its end after TERM")
        self._say("restart: run 3 of 3, continued from what the second one left")
        resumed = self._run(
            {**restart_env(), RESUMED_FROM: stopped.id}, self._argv(), left_by=stopped.id
        )
        return _judged(self.context, nothing, whole, stopped, resumed)

    def _argv(self) -> tuple[str, ...]:
        return self.spec.resume.argv(self.intent.runspec.argv)

    def _run(
        self, env: dict[str, str], argv: tuple[str, ...] = (), left_by: str | None = None
    ) -> Record:
        trial = check.variant(self.context, self.intent, env, self.limit, tag=TAG, argv=argv)
        self.made.append(trial.id)
        return self.trials.run(trial, replace(self.job, left_by=left_by))

    def _say(self, text: str) -> None:
        self.context.progress.note(text)


def _cannot_be_stopped(whole: Record, total: int, step: int) -> str:
    """Why a run cannot be preempted after a step; empty where it can."""
    if whole.exit.code or whole.exit.reason != "exited":
        return f"the uninterrupted run failed: exit {whole.exit.code} ({whole.exit.reason})"
    if not total:
        return (
            "the program took no optimizer step of torch; "
            "`reprobox_trail.log(step, arrays)` writes steps by hand"
        )
    if step >= total:
        return f"the program takes {counted(total, 'step')}, so it cannot be stopped after {step}"
    return ""


def _judged(
    context: Context, nothing: Restarted, whole: Record, stopped: Record, resumed: Record
) -> Restarted:
    after, compared, unrestored = _states(context, whole, resumed, nothing.step)
    seen = replace(nothing, after=after, compared=compared, unrestored=unrestored)
    if resumed.exit.code or resumed.exit.reason != "exited":
        said = _last_line(context.runs.path(resumed.id) / "stderr")
        why = f"the resumed run failed: exit {resumed.exit.code} ({resumed.exit.reason}){said}"
        return replace(seen, result=Class.DIFFERENT, why=why)
    verdict = comparison.compare(context, whole.id, resumed.id, trails="never")
    files, leftovers = _files(context, verdict, stopped)
    result = worst([Class.IDENTICAL, *(file.state.implies for file in files)])
    why = ""
    if unrestored:
        result = Class.DIFFERENT
    elif not after:
        why = (
            "the resumed run took no step"
            if after is None
            else "the resumed run began at the first step again: it found no checkpoint"
        )
        result = worst([result, Class.NOT_CHECKED])
    return replace(seen, result=result, why=why, files=files, leftovers=leftovers)


def _files(
    context: Context, verdict: Verdict, stopped: Record
) -> tuple[tuple[FileVerdict, ...], tuple[str, ...]]:
    """The outputs that count, and what the preempted run has left for the resumed one alone."""
    left = {file.path for file in context.runs.outputs(stopped.id)}
    alone = tuple(
        file.path for file in verdict.files if file.state is FileState.EXTRA and file.path in left
    )
    return tuple(file for file in verdict.files if file.path not in alone), alone


def _states(
    context: Context, whole: Record, resumed: Record, step: int
) -> tuple[int | None, int, tuple[Unrestored, ...]]:
    """The step after which a run continued, the steps that are the same since, and what is not;
    of several processes the one that differs first counts.
    """
    ours, theirs = (context.runs.path(record.id) for record in (whole, resumed))
    found = [
        restart.compare(restart.read(path), restart.read(theirs / path.name), stopped=step)
        for path in sorted(ours.glob("restart*.jsonl"))
        if (theirs / path.name).exists()
    ]
    if not found:
        return _logged(ours, theirs)
    first = min(found, key=lambda one: one.unrestored[0].step if one.unrestored else float("inf"))
    return first.after, first.compared, first.unrestored


def _logged(ours: Path, theirs: Path) -> tuple[int | None, int, tuple[Unrestored, ...]]:
    """The same for steps that the program has written itself, which have numbers of their own."""
    one, other = (_own_steps(path) for path in (ours, theirs))
    if one is None or other is None or not other.steps:
        return None, 0, ()
    begin = min(step for _, step in other.steps)
    after = max((step for _, step in one.steps if step < begin), default=0)
    found = trail.compare(one, other)
    if found.state != "different":
        return after, found.compared, ()
    names = tuple(found.tensors or ())
    step = found.step or begin
    unrestored = Unrestored(kind="logged values", step=step, names=names, differ=found.differ or 1)
    return after, sum(begin <= seen < step for _, seen in one.steps), (unrestored,)


def _own_steps(run: Path) -> trail.Trail | None:
    """The steps that the program has written itself."""
    path = run / "trail.jsonl"
    if not path.exists():
        return None
    found = trail.read(path)
    own = {key: line for key, line in found.steps.items() if key[0] == _USER}
    return replace(found, steps=own)


def _steps(context: Context, record: Record) -> int:
    """Steps that a run took: the optimizers' of one process, else the last that it wrote."""
    run = context.runs.path(record.id)
    counts = [len(restart.read(path)) for path in run.glob("restart*.jsonl")]
    if counts:
        return max(counts)
    own = _own_steps(run)
    return max((step for _, step in own.steps), default=0) if own else 0


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f": {shown(lines[-1])}" if lines else ""


def reasons(found: Restarted) -> Iterator[str]:
    """What differs, the states first."""
    yield from ([found.why] if found.why else [])
    yield from (f"not restored: {one.sentence}" for one in found.unrestored)
    yield from (f"{file.path}: {file.state}" for file in found.files if not file.state.implies.same)
