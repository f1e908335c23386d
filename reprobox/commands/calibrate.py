"""calibrate: an experiment run several times more, to measure how far its outputs are apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reprobox.commands import replay
from reprobox.commands.shared import comparison
from reprobox.context import Context
from reprobox.executor import reconcile
from reprobox.executor.trial_runs import Trial, Trials
from reprobox.judge import spread
from reprobox.kit.units import counted
from reprobox.model import codec
from reprobox.model.record import Record
from reprobox.model.spec import OutputRule
from reprobox.model.spread import Spread

TAG = "calibrate"
_CONTENT = (OutputRule(pattern="*", compare="content"),)


def calibrate(
    context: Context,
    reference: str,
    *,
    count: int,
    seeds: bool = False,
    keep: bool = False,
    secrets: bool = False,
    trust: bool = False,
) -> Spread:
    """Runs a recorded run several times more and proposes rules and claims.

    Args:
        seeds: give each run a seed of its own.
        keep: leave the runs in the store.
        secrets, trust: as of `replay`.

    Raises:
        whatever `replay` raises.
    """
    run_id = reconcile.find(context, reference)
    original, digest = context.runs.record(run_id)
    runs, verdicts = [], []
    with Trials(context, keep=keep) as trials:
        for number in range(1, count + 1):
            context.progress.note(f"run {number} of {counted(count, 'run')}")
            trial = _trial(context, original, digest, number if seeds else 0, secrets, trust)
            record = trials.run(trial.intent, trial.job)
            verdicts.append(comparison.compare(context, run_id, record.id, rules=_CONTENT).files)
            runs.append(record.id)
        files = spread.of_files(verdicts)
    return Spread(
        run=run_id,
        seeds=seeds,
        runs=tuple(runs),
        files=tuple(files),
        claims=dict(spread.claims(files)),
    )


def _trial(
    context: Context, original: Record, digest: str, shift: int, secrets: bool, trust: bool
) -> Trial:
    made = replay.ready(
        context,
        original,
        digest,
        env=_seeded(original, shift),
        tags=(TAG,),
        secrets=secrets,
        trust=trust,
    )
    if not shift:
        return Trial(intent=made.intent, job=made.job)
    asked = replace(made.intent.runspec, seed=original.intent.runspec.seed + shift)
    intent = replace(made.intent, runspec=asked, identity=codec.digest(asked))
    return Trial(intent=intent, job=made.job)


def _seeded(original: Record, shift: int) -> Mapping[str, str]:
    """The variables by which the injected runtime and the libraries get another seed."""
    asked = original.intent.runspec
    names = ("REPROBOX_SEED", "PL_GLOBAL_SEED")
    return {name: str(asked.seed + shift) for name in names if shift and name in asked.env}
