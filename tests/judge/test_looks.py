"""What a difference looks like: only where all of it looks so."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.judge import looks
from reprobox.judge.leaves import Blob


@pytest.mark.parametrize(
    ("pairs", "everything", "expected"),
    [
        ([("a", "b"), ("b", "a")], True, "the order of items"),
        ([("a", "b"), ("b", "a")], False, None),
        ([("a", "a1"), ("b", "b1")], True, None),
        ([("/tmp/a1", "/tmp/b2")], True, "a temporary path"),
        ([("/tmp/a1", "/tmp/b2"), (0.5, 0.25)], True, None),
        ([(Blob("/tmp/a1"), Blob("/tmp/b2"))], True, None),
        ([], True, None),
    ],
)
def test_of_pairs(pairs: list[tuple[Any, Any]], everything: bool, expected: str | None) -> None:
    assert looks.of_pairs(pairs, everything=everything) == expected
