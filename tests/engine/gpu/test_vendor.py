"""Versions of drivers."""

from __future__ import annotations

import pytest

from reprobox.engine.gpu.vendor import older


@pytest.mark.parametrize(
    ("one", "other", "is_older"),
    [
        ("525.60.13", "580.65.06", True),
        ("580.65.06", "580.65.06", False),
        ("99.1", "525.60", True),
        ("525.9", "525.10", True),
        ("525", "525.60", True),
    ],
)
def test_numbers_are_compared_as_numbers(one: str, other: str, is_older: bool) -> None:
    assert older(one, other) is is_older
