"""replay --budget-steps: the first steps of a recorded run again, checked against its trail.

Only the trail is compared: outputs are not whole after so few steps. Nothing is kept, so that no
listing and no statement takes it for a replay.
"""

from __future__ import annotations

from dataclasses import replace

from reprobox.commands import replay as replays
from reprobox.context import Context
from reprobox.executor import reconcile
from reprobox.executor.trial_runs import STEPS, Trials
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.record import Record
from reprobox.model.verdict import Class, TrailComparison

TAG = "budget"


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What the first steps showed."""

    result: Class
    run: str
    steps: int
    """As many as were asked for."""
    trail: TrailComparison | None = None
    why: str = ""
    """Where nothing could be compared."""

    @property
    def same(self) -> bool:
        return self.result.same


def replay_steps(
    context: Context,
    reference: str,
    *,
    steps: int,
    gpus: str | None = None,
    secrets: bool = False,
    trust: bool = False,
    trust_runtime: bool = False,
) -> Begun:
    """Runs the first steps of a recorded run again; arguments and errors as `replay`."""
    from reprobox.judge import trail

    run_id = reconcile.find(context, reference)
    original, digest = context.runs.record(run_id)
    nothing = Begun(result=Class.NOT_CHECKED, run=run_id, steps=steps)
    if not any(context.runs.path(run_id).glob("trail*.jsonl")):
        return replace(
            nothing,
            why="the run has no trail to compare with (setting `trail: true`, and an optimizer "
            "step of torch)",
        )
    made = replays.ready(
        context,
        original,
        digest,
        env={STEPS: str(steps)},
        tags=(TAG,),
        gpus=gpus,
        secrets=secrets,
        trust=trust,
        trust_runtime=trust_runtime,
    )
    with Trials(context) as trials:
        record = trials.run(made.intent, made.job)
        found = trail.compare_runs(context.runs.path(run_id), context.runs.path(record.id))
    return _judged(nothing, record, found)


def _judged(nothing: Begun, record: Record, found: TrailComparison | None) -> Begun:
    result = {"equal": Class.IDENTICAL, "different": Class.DIFFERENT}.get(
        found.state if found else "", Class.NOT_CHECKED
    )
    why = ""
    if result is not Class.DIFFERENT and record.exit.code:
        result = Class.NOT_CHECKED
        why = f"the program failed: exit {record.exit.code} ({record.exit.reason})"
    elif result is Class.NOT_CHECKED:
        why = (found.why if found else None) or "not every process left a trail"
    return replace(nothing, result=result, trail=found, why=why)
