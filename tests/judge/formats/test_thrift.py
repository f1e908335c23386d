"""Thrift's compact protocol, by its specification."""

from __future__ import annotations

import pytest

from reprobox.judge.formats import thrift
from reprobox.judge.leaves import Unreadable

INNER = b"\x15\x02\x00"  # field 1, an i32: 1


def test_every_kind_of_value() -> None:
    data = (
        b"\x11"  # field 1: true
        b"\x12"  # field 2: false
        b"\x13\x7f"  # field 3, a byte
        b"\x16\x03"  # field 4, an i64: -2
        b"\x17" + bytes(range(8)) + b"\x18\x02hi"  # fields 5 and 6: a double, a text
        b"\x19\x35\x02\x04\x06"  # field 7, a list of three i32: 1, 2, 3
        b"\x1a\x21\x01\x02"  # field 8, a set of two truth values
        b"\x1c" + INNER + b"\x08\x54\x01z\x00"  # field 9, a structure; field 42 by its long form
    )
    found, end = thrift.struct(b"!" + data, 1)
    assert end == len(data) + 1
    assert found == {
        1: True,
        2: False,
        3: 127,
        4: -2,
        5: bytes(range(8)),
        6: b"hi",
        7: [1, 2, 3],
        8: [True, False],
        9: {1: 1},
        42: b"z",
    }


def test_a_list_of_more_than_fourteen_says_its_size_behind() -> None:
    found, _ = thrift.struct(b"\x19\xf5\x14" + b"\x02" * 20 + b"\x00", 0)
    assert found == {1: [1] * 20}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x18\x7fshort\x00", "cut off"),
        (b"\x19\xf5\x7f\x02\x00", "cut off"),
        (b"\x1d\x00", "type 13"),
        (b"\x1c" * 40, "without end"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        thrift.struct(data, 0)
