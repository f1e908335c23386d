"""The value of a pickle by path: no two values have one path."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from reprobox.judge.formats import pickle_leaves, pickles
from reprobox.judge.leaves import Rows, Unreadable
from reprobox.judge.tensors import Tensor


def leaves(value: Any) -> dict[str, Any]:
    stream = io.BytesIO(pickle.dumps(value, 4))
    walked = pickles.machine(pickles.encoded, lambda *_: None)
    found = pickle_leaves.flatten(walked.run(stream), walked.dropped)
    return {
        name: leaf.load().tolist() if isinstance(leaf, Tensor) else leaf
        for name, leaf in found.items()
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, {"<value>": 5}),
        ({"a": {"b": 1}}, {"a/b": 1}),
        ({"a/b": 1}, {'"a/b"': 1}),
        ([1, (2,)], {"[0]": 1, "[1](0)": 2}),
        ({0: "x", "0": "y"}, {"{0}": "x", "0": "y"}),
        ({}, {"<empty>": "dict"}),
        ([], {"<empty>": "list"}),
        ({"b": b"\x01"}, {"b<bytes>": "01"}),
        ({"f": len}, {"f<name>": "builtins.len"}),
    ],
)
def test_paths(value: Any, expected: dict[str, Any]) -> None:
    assert leaves(value) == expected


def test_one_object_in_two_places_is_not_two_that_look_alike() -> None:
    shared = [1]
    assert leaves({"a": shared, "b": shared})["b<same>"] == "the object at a"
    assert leaves({"a": [1], "b": [1]}) == {"a[0]": 1, "b[0]": 1}


def test_an_object_that_holds_itself_ends() -> None:
    value: list[Any] = []
    value.append([value])
    assert leaves(value) == {"[0][0]<above>": "the object that holds it, 2 levels up"}


def test_the_order_of_a_set_is_not_content_and_that_of_an_ordered_dictionary_is() -> None:
    assert leaves({"b", "a", 1}) == leaves({1, "a", "b"})
    one, other = (
        leaves(OrderedDict(pairs)) for pairs in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)])
    )
    assert (one["<order>"], other["<order>"]) == ("/a, /b", "/b, /a")
    assert one["a"] == other["a"] == 1


def test_times_are_read_for_people() -> None:
    found = leaves({"at": datetime(2026, 11, 28, 4, 20, 21, 5, UTC), "on": date(2026, 11, 28)})
    assert found["at/<args>(0)"] == "2026-11-28T04:20:21.000005"
    assert found["on/<args>(0)"] == "2026-11-28"


def test_a_long_list_of_plain_values_is_kept_together_under_the_same_names() -> None:
    found = leaves({"losses": list(range(100))})
    assert (found["losses[0]"], found["losses[99]"]) == (0, 99)
    assert not any(isinstance(leaf, Rows) for leaf in found.values())
    many = leaves(list(range(10_001)))
    assert [type(leaf) for leaf in many.values()] == [Rows]


def test_a_scalar_of_numpy_is_told_from_a_number() -> None:
    assert leaves({"x": np.float64(1)}) == {"x<kind>": "scalar", "x": 1.0}


def test_values_nested_without_end_are_refused() -> None:
    stream = io.BytesIO(_nested(pickle_leaves.DEEPEST + 2))
    with pytest.raises(Unreadable, match="too deep"):
        pickle_leaves.flatten(pickles.machine(pickles.encoded, lambda *_: None).run(stream))


def _nested(levels: int) -> bytes:
    """Lists within lists, without Python's own recursion."""
    return b"\x80\x02" + b"]" * levels + b"a" * (levels - 1) + b"."
