"""Messages without a schema: nothing is dropped, and one value has one spelling."""

from __future__ import annotations

import pytest
from proto_bytes import field, varint

from reprobox.judge.formats import protobuf
from reprobox.judge.leaves import Blob, Unreadable


def test_fields_by_number_in_the_order_they_come() -> None:
    data = (
        b"\x08\x96\x01" + field(2, b"one") + b"\x1d\1\2\3\4" + field(2, b"two") + b"\x21" + bytes(8)
    )
    assert protobuf.fields(data) == {
        1: [150],
        2: [b"one", b"two"],
        3: [b"\1\2\3\4"],
        4: [bytes(8)],
    }
    assert protobuf.fields(b"") == {}


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",
        b"\x12\x05abc",
        b"\x0b",
        b"\x02\x01a",
        b"\x08\x80\x00",
        b"\x08" + b"\xff" * 10 + b"\1",
    ],
    ids=["no value", "cut", "a group", "field 0", "a longer form", "more than 64 bits"],
)
def test_a_damaged_message_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="damaged message"):
        protobuf.fields(data)


def test_a_field_that_comes_once_at_most() -> None:
    message = {1: [5], 2: [1, 2]}
    assert (protobuf.single(message, 1, 0), protobuf.single(message, 9, 7)) == (5, 7)
    assert message == {2: [1, 2]}
    with pytest.raises(Unreadable, match="comes 2 times"):
        protobuf.single(message, 2, 0)


def test_text_that_is_not_utf_8_stays_apart() -> None:
    assert protobuf.text(b"a\xff") != protobuf.text(b"a\xfe")
    assert (protobuf.text("ä".encode()), protobuf.text(3)) == ("ä", "3")


def test_what_is_left_of_a_message_counts_as_numbers_do() -> None:
    left = protobuf.rest({3: [b"\x01"], 1: [7]})
    assert isinstance(left, Blob)
    assert left == "[(1, [7]), (3, ['01'])]"
    assert protobuf.rest({}) is None


@pytest.mark.parametrize("number", [0, 127, 128, 300, (1 << 64) - 1])
def test_a_number_and_where_it_ends(number: int) -> None:
    data = b"x" + varint(number) + b"y"
    assert protobuf.varint(data, 1) == (number, len(data) - 1)
