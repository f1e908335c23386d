"""What a difference between two texts or numbers looks like: a time, a path, an address, an
identifier, another order.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\b1[5-9]\d{8}(\.\d+)?\b|\b2\d{9}(\.\d+)?\b|\b1[5-9]\d{11}\b"
)
_LOOKS = (
    ("a time", _TIME),
    ("a temporary path", re.compile(r"/tm[p]/|tmp[a-z0-9_]{8}")),
    ("a memory address", re.compile(r"0x[0-9a-f]{6,}")),
    (
        "a random identifier",
        re.compile(
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32,}\b"
        ),
    ),
)
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
    texts = [(str(left), str(right)) for left, right in pairs[:_SAMPLE]]
    for name, pattern in _LOOKS:
        if texts and all(pattern.search(left) and pattern.search(right) for left, right in texts):
            return name
    return None
