"""diff: the comparison of any two finished runs."""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.commands.shared import comparison, side_by_side
from reprobox.commands.shared.side_by_side import SideBySide
from reprobox.context import Context
from reprobox.executor import reconcile
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import Verdict


def diff(context: Context, left: str, right: str, rules: Sequence[OutputRule] = ()) -> Verdict:
    """The comparison of any two finished runs; `rules` go before the recorded ones."""
    return comparison.compare(context, *reconcile.find_all(context, (left, right)), rules=rules)


def table(
    context: Context, references: Sequence[str], rules: Sequence[OutputRule] = ()
) -> SideBySide:
    """Two or more finished runs next to each other, each compared with the first."""
    return side_by_side.compare(context, reconcile.find_all(context, references), rules)
