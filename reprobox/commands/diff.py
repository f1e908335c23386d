"""diff: the comparison of any two finished runs."""

from __future__ import annotations

from reprobox.commands.shared import comparison
from reprobox.context import Context
from reprobox.executor import reconcile
from reprobox.model.verdict import Verdict


def diff(context: Context, left: str, right: str) -> Verdict:
    """The comparison of any two finished runs."""
    return comparison.compare(context, *reconcile.find_all(context, (left, right)))
