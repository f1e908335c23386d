"""diff: the comparison of any two finished runs."""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.commands.shared import comparison
from reprobox.context import Context
from reprobox.executor import reconcile
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import Verdict


def diff(context: Context, left: str, right: str, rules: Sequence[OutputRule] = ()) -> Verdict:
    """The comparison of any two finished runs; `rules` go before the recorded ones."""
    return comparison.compare(context, *reconcile.find_all(context, (left, right)), rules=rules)
