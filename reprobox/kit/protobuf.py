"""Protocol buffer messages by field number, without their schema.

The encoding is https://protobuf.dev/programming-guides/encoding/ (groups are not supported).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | bytes


class Damaged(ValueError):
    """The bytes are not a message."""


def fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """Field number and value in the order of the message: an int for a varint, else the raw bytes.

    Raises:
        Damaged: cut off, or a wire type that is not supported.
    """
    place = 0
    while place < len(message):
        key, place = varint(message, place)
        kind = key & 7
        if kind == 0:
            value, place = varint(message, place)
            yield key >> 3, value
            continue
        length = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            length, place = varint(message, place)
        if length is None or place + length > len(message):
            raise Damaged("a message that is cut off or has an unknown wire type")
        yield key >> 3, message[place : place + length]
        place += length


def varint(data: bytes, place: int) -> tuple[int, int]:
    """An unsigned integer, and the place after it."""
    value = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
    raise Damaged("an integer that is cut off")


def signed(value: Value) -> int:
    """An int64 that was read as unsigned."""
    number = value if isinstance(value, int) else 0
    return number - 2**64 if number >= 2**63 else number


def text(value: Value) -> str:
    """A string field; bytes that are not UTF-8 are replaced."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def double(value: Value) -> float:
    """A fixed64 or fixed32 field as a floating-point number; anything else is not a number."""
    if isinstance(value, bytes) and len(value) in (4, 8):
        return float(struct.unpack("<d" if len(value) == 8 else "<f", value)[0])
    return float("nan")
