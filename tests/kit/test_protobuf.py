"""Messages of protobuf by field number; the examples are those of the encoding's own guide."""

from __future__ import annotations

import math
import struct

import pytest

from reprobox.kit.protobuf import Damaged, double, fields, signed, text, varint


def test_the_examples_of_the_guide() -> None:
    """https://protobuf.dev/programming-guides/encoding/"""
    assert list(fields(b"\x08\x96\x01")) == [(1, 150)]
    assert list(fields(b"\x12\x07testing")) == [(2, b"testing")]
    assert list(fields(b"\x1a\x03\x08\x96\x01")) == [(3, b"\x08\x96\x01")]


def test_fixed_numbers_keep_their_bytes() -> None:
    message = b"\x09" + struct.pack("<d", 0.1) + b"\x15" + struct.pack("<f", 0.5)
    (_, first), (_, second) = fields(message)
    assert (double(first), double(second)) == (0.1, 0.5)
    assert math.isnan(double(b"abc"))


@pytest.mark.parametrize(
    "message", [b"\x08", b"\x08\xff", b"\x12\x07test", b"\x0b", b"\x09abc", b"\x80" * 11]
)
def test_what_is_cut_off_or_a_group_is_refused(message: bytes) -> None:
    with pytest.raises(Damaged):
        list(fields(message))


def test_negative_numbers_are_of_two_s_complement() -> None:
    value, end = varint(b"\xff" * 9 + b"\x01", 0)
    assert (signed(value), end) == (-1, 10)
    assert signed(2**63 - 1) == 2**63 - 1
    assert signed(b"x") == 0


def test_text_that_is_not_utf_8_is_replaced() -> None:
    assert text(b"\xc3\xa9\xff") == "é�"
    assert text(7) == "7"
