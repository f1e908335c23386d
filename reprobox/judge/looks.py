"""What a difference between two texts or numbers looks like: a time, a path, an address, an
identifier, another order.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from reprobox.judge import chance
from reprobox.judge.leaves import Blob

_SAMPLE = 100


def of_pairs(pairs: list[tuple[Any, Any]], *, everything: bool) -> str | None:
    """What all of these pairs look like, or None.

    Args:
        everything: whether no other value of the file differs.
    """
    if (
        everything
        and len(pairs) > 1
        and Counter(repr(left) for left, _ in pairs) == Counter(repr(right) for _, right in pairs)
    ):
        return "the order of items"
    kinds = {
        None if isinstance(left, Blob) else chance.kind_of("", left, right)
        for left, right in pairs[:_SAMPLE]
    }
    return kinds.pop() if len(kinds) == 1 else None
