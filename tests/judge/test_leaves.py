"""Names of leaves, and the patterns that select them."""

from __future__ import annotations

import re

import pytest

from reprobox.judge import leaves
from reprobox.judge.leaves import Rows, Treatment, Treatments, Unreadable


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("loss", "loss"),
        ("a b", "a b"),
        ("a.b", '"a.b"'),
        ("", '""'),
        (b"a\xff", 'b"a\\u00ff"'),
        (b"ok", "ok"),
        ("\ud800.", '"\\ud800."'),
        ("é.", '"é."'),
    ],
)
def test_a_part_of_a_name_is_quoted_where_it_could_be_something_else(
    name: str | bytes, part: str
) -> None:
    assert leaves.segment(name) == part


@pytest.mark.parametrize(
    ("pattern", "name", "selected"),
    [
        ("optimizer", "optimizer/state/0", True),
        ("optimizer", "optimizers/state", False),
        ("loss", "loss@17", True),
        ("$.log[*].time", "$.log[12].time", True),
        ("$.log[*].time", "$.log[12].timer", False),
        ("$.*", "$.a.b", True),
        ("$.*.b", "$.a.c.b", False),
        ("$.**.b", "$.a.c.b", True),
        ("a[*]", 'a["x]y"]', True),
        ("*", '"a.b"', True),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        ("a.b", "axb", False),
        ("loss", "LOSS", False),
    ],
)
def test_what_a_pattern_selects(pattern: str, name: str, selected: bool) -> None:
    assert bool(leaves.selector(pattern).match(name)) is selected


def test_the_first_pattern_that_matches_counts_and_unused_ones_are_known() -> None:
    all_ = Treatments(
        [
            Treatment(pattern="a.b", compare="exact"),
            Treatment(pattern="a"),
            Treatment(pattern="absent"),
        ]
    )
    exact, ignored = all_.of("a.b"), all_.of("a.c")
    assert exact is not None
    assert ignored is not None
    assert (exact.compare, ignored.compare, all_.of("c")) == ("exact", "ignore", None)
    assert all_.unused == ["absent"]
    assert (bool(all_), bool(Treatments([]))) == (True, False)
    with pytest.raises(ValueError, match="'nearly'"):
        Treatment(pattern="a", compare="nearly")  # type: ignore[arg-type]


def test_few_rows_are_leaves_each_and_many_are_one_until_they_are_split() -> None:
    found: dict[str, leaves.Leaf] = {}
    leaves.put_rows(found, "line", Rows(["a", "b"], before=" ", after="", first=1))
    assert found == {"line 1": "a", "line 2": "b"}
    many = Rows(list(range(10_001)))
    leaves.put_rows(found, "x", many)
    assert found["x[*]"] is many
    apart = leaves.split(found, lambda name: name == "x[*]")
    assert (apart["x[0]"], apart["x[10000]"], apart["line 1"]) == (0, 10_000, "a")
    assert leaves.split(found, lambda _: False) == found


def test_two_leaves_of_one_name_are_refused() -> None:
    found: dict[str, leaves.Leaf] = {"a": 1}
    with pytest.raises(Unreadable, match="two values of one name: a"):
        leaves.put(found, "a", 1)
    leaves.once(iter(["a", "b"]))
    with pytest.raises(Unreadable, match=re.escape("two members of one name: a")):
        leaves.once(iter(["a", "b", "a"]))
