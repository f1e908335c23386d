"""What a pickle names and asks for, as data."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest

from reprobox.judge.formats import pickle_data, pickles
from reprobox.judge.formats.pickle_data import Opaque, Pairs, Symbol, Tagged
from reprobox.judge.leaves import Unreadable


def walked(value: Any, protocol: int = 4) -> Any:
    """A value as the walk through its pickle gives it."""
    stream = io.BytesIO(pickle.dumps(value, protocol))
    return pickles.machine(pickles.encoded, lambda *_: None).run(stream)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a", "/a"),
        ("a/b", '/"a/b"'),
        (0, "{0}"),
        ("0", "/0"),
        (True, "{True}"),
        (None, "{None}"),
        ((1,), "{(1,)}"),
        ((1, "a"), "{(1, 'a')}"),
        (Symbol("m.E"), "{m.E}"),
        (Opaque("m.E", (1,)), "{m.E(1,)}"),
        ([1], None),
        (Opaque("m.E", ([],)), None),
    ],
)
def test_the_name_of_a_key(key: Any, name: str | None) -> None:
    assert pickle_data.key_name(key) == name


def test_a_dictionary_keeps_keys_that_look_alike_apart() -> None:
    pairs = Pairs()
    pairs.set("1", "text")
    pairs.set(1, "number")
    pairs.set([], "odd")
    assert (pairs.get("1"), pairs.get("absent")) == ("text", None)
    assert pairs.named == {"/1": "text", "{1}": "number"}
    assert pairs.odd == [([], "odd")]
    with pytest.raises(Unreadable, match="two values of one key"):
        pairs.set(1, "again")


def test_a_key_nested_without_end_is_refused() -> None:
    key: Any = ()
    for _ in range(60):
        key = (key,)
    with pytest.raises(Unreadable, match="nested too deeply"):
        pickle_data.key_name(key)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array([1, 2], ">i2"),
        np.array(["ab", "c"]),
        np.array(["2026-11-28"], "M8[D]"),
    ],
    ids=["plain", "fortran", "big-endian", "text", "time"],
)
def test_arrays_whichever_way_they_are_pickled(array: Any, protocol: int) -> None:
    found = pickle_data.array(walked(array, protocol))
    expected = array.view("i8") if array.dtype.kind == "M" else array
    assert found.load().tolist() == expected.tolist()
    assert found.dtype == str(array.dtype.newbyteorder("="))


def test_a_scalar_is_told_from_an_array() -> None:
    found = pickle_data.array(walked(np.float32(1.5)))
    assert isinstance(found, Tagged)
    assert (found.kind, found.value.shape) == ("scalar", ())
    assert pickle_data.array(Opaque("some.call", (1, 2))) is None


def test_types_are_those_of_numpy_with_their_fields() -> None:
    for kind in (
        np.dtype("f8"),
        np.dtype([("a", "i1"), ("b", "<f4")], align=True),
        np.dtype("M8[25s]"),
    ):
        assert pickle_data.dtype_of(walked(kind)) == kind


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        Opaque("numpy.dtype", ()),
        Opaque("evil.dtype", ("f4", False, True)),
        Opaque("numpy.dtype", ("O8", False, True)),
        Opaque("numpy.dtype", ("f4", False, True), (3, "?", None, None, None, -1, -1, 0)),
        Opaque("numpy.dtype", ("f4", False, True), (3, "<", None, None, None, 9, 9, 0)),
    ],
)
def test_what_is_no_type_of_numbers_is_refused(wanted: Any) -> None:
    with pytest.raises(Unreadable):
        pickle_data.dtype_of(wanted)
