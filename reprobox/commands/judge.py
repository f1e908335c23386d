"""judge: a verdict on two recorded runs, made again under other rules, and kept."""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.commands.shared import comparison
from reprobox.context import Context
from reprobox.executor import reconcile
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import Verdict


def judge(context: Context, left: str, right: str, rules: Sequence[OutputRule]) -> Verdict:
    """Compares two finished runs and keeps the verdict, with its rules, next to the second.

    The rules go before those of the first run's record, which does not change.
    """
    ours, theirs = reconcile.find_all(context, (left, right))
    verdict = comparison.compare(context, ours, theirs, rules=rules)
    context.runs.add_verdict(theirs, verdict)
    return verdict
