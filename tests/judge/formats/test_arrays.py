"""Arrays as leaves: values and types, and not how memory holds them."""

from __future__ import annotations

from typing import Any

import numpy as np

from reprobox.judge.formats import arrays


def test_byte_order_is_not_part_of_a_leaf() -> None:
    found = arrays.of_array(np.array([1, 2], ">i4"))
    assert (found.dtype, found.shape, found.load().tolist()) == ("int32", (2,), [1, 2])


def test_times_are_integers_of_a_type_that_names_their_unit() -> None:
    found = arrays.of_array(np.array(["1970-01-02"], "M8[h]"))
    assert (found.dtype, found.load().tolist()) == ("datetime64[h]", [24])


def test_a_compound_type_is_told_by_its_fields_and_not_by_offsets() -> None:
    packed = np.dtype([("flag", "i1"), ("value", ">f4")])
    aligned = np.dtype([("flag", "i1"), ("value", "<f4")], align=True)
    assert (
        arrays.type_text(packed) == arrays.type_text(aligned) == "{'flag': int8, 'value': float32}"
    )
    assert arrays.type_text(np.dtype(("f4", (2, 3)))) == "float32[2, 3]"


def test_fields_become_leaves_and_odd_names_are_quoted() -> None:
    array = np.array([(1, 2.0)], [("a", "i1"), ("b.c", "f8")])
    found: dict[str, Any] = {}
    arrays.put_fields(found.__setitem__, "x", arrays.by_field(array))
    assert list(found) == ["x<type>", "x.a", 'x["b.c"]']
    assert found['x["b.c"]'].load().tolist() == [2.0]


def test_bytes_without_a_type_are_bytes_and_none_are_text() -> None:
    found = arrays.by_field(np.array([b"ab", b"c"], "V2"))
    assert found.load().tolist() == [[97, 98], [99, 0]]
    assert "of no bytes, [3]" in arrays.by_field(np.empty(3, "V0"))
