"""npy files by their header (NEP 1): one array, several, and what is not read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_contents import content_of, plain, rest

from reprobox.judge.formats import npy
from reprobox.judge.leaves import Unreadable


def saved(*arrays: Any) -> bytes:
    out = io.BytesIO()
    for array in arrays:
        np.save(out, array)
    return out.getvalue()


def test_the_header_says_type_order_and_shape() -> None:
    data = b"junk" + saved(np.asfortranarray(np.zeros((2, 3), ">f4")))
    found = npy.header(data, 4)
    assert (found.dtype, found.fortran, found.shape, found.size) == (
        np.dtype(">f4"),
        True,
        (2, 3),
        24,
    )
    assert found.start == len(data) - 24


def test_order_in_memory_and_byte_order_are_not_content(tmp_path: Path) -> None:
    values = np.arange(6.0).reshape(2, 3)
    ways = (values, np.asfortranarray(values), values.astype(">f8"))
    found = [plain(content_of(tmp_path, "a.npy", saved(way))) for way in ways]
    assert found[0] == found[1] == found[2] == {"array": values.tolist()}


def test_several_arrays_of_one_file_and_what_is_behind_them(tmp_path: Path) -> None:
    data = saved(np.arange(2), np.array(5))
    content = content_of(tmp_path, "a.npy", data + b"tail")
    assert plain(content) == {"array": [0, 1], "array 2": 5}
    assert rest(content) == [(len(data), 4)]


def test_an_array_of_objects_is_walked_as_a_pickle(tmp_path: Path) -> None:
    found = plain(content_of(tmp_path, "a.npy", saved(np.array([{"a": 1}, "x"], object))))
    assert found["array<shape>"] == "(2,)"
    assert 1 in found.values()
    assert "x" in found.values()


HEAD = b"\x93NUMPY\x01\0"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (saved(np.arange(9))[:-1], "cut off"),
        (HEAD + b"\xff\xff{}", "header that is cut off"),
        (HEAD + b"\x03\0{}\n", "odd npy header"),
        (b"\x93NUMPY\x09\0" + saved(np.arange(9))[8:], "not an npy file"),
    ],
)
def test_a_damaged_file_says_why(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        content_of(tmp_path, "a.npy", data)
