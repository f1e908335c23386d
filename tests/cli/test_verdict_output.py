"""A verdict in each format."""

from __future__ import annotations

from desk import Desk


def test_each_format_says_the_same(desk: Desk) -> None:
    text = desk("diff", "first", "second").out
    assert text.splitlines()[-1].startswith("different")
    assert desk("diff", "first", "second", "--format", "json").json()["result"] == "different"
    junit = desk("diff", "first", "second", "--format", "junit").out
    assert "<failure" in junit
    assert "loss.json" in junit
