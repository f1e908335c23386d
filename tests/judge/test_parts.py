"""Which parts of a file are equal, and what chance made of the others."""

from __future__ import annotations

import numpy as np
import pytest

from reprobox.judge.formats.arrays import of_array
from reprobox.judge.leaves import Blob
from reprobox.judge.parts import Chances, Parts


@pytest.mark.parametrize(
    ("one", "two", "part"),
    [
        ("a.csv!loss[0]", "b.csv!loss[0]", "b.csv"),
        ("$.loss[0]", "$.acc[0]", "$.acc"),
        ("model/w", "optimizer/w", "optimizer"),
        ("loss[0]", "acc[0]", "acc"),
        ('"a!b"!x', "c!x", "c"),
    ],
)
def test_the_part_of_a_file_that_is_equal_is_named(one: str, two: str, part: str) -> None:
    parts = Parts()
    for name in (one, two, two):
        parts.add(name, 5)
    parts.differs(one)
    assert parts.equal() == [{"name": part, "values": 10}]


def test_of_a_file_that_is_one_part_none_is_named() -> None:
    parts = Parts()
    parts.add("loss[0]", 5)
    assert parts.equal() == []


def test_the_largest_parts_come_first() -> None:
    parts = Parts()
    for name, many in (("a/x", 1), ("b/x", 9), ("c/x", 9)):
        parts.add(name, many)
    assert [one["name"] for one in parts.equal()] == ["b", "c", "a"]


def test_chances_are_counted_by_kind_with_their_first_place() -> None:
    chances = Chances()
    assert chances.add("$.at", "2026-11-28T04:20:21", "2026-11-28T04:20:25")
    assert chances.add("$.end", "2026-11-28T05:20:21", "2026-11-28T05:20:25")
    assert not chances.add("$.loss", 0.5, 0.25)
    assert not chances.add("$.blob", Blob("/tmp/a1"), Blob("/tmp/b2"))
    [found] = chances.report()
    assert (found["kind"], found["name"], found["count"]) == ("a time", "$.at", 2)


def test_a_column_is_made_by_chance_only_where_each_number_is() -> None:
    at = np.array([1795839621.5, 1795839622.5])
    later, other = at + 20, np.array([1795839641.5, 2.0])
    assert Chances().like("timestamp", of_array(at), of_array(later), sure=True)
    assert not Chances().like("timestamp", of_array(at), of_array(other), sure=True)
