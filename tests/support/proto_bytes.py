"""Messages of protobuf, written by hand (https://protobuf.dev/programming-guides/encoding)."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """A whole number that is not negative."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def field(number: int, data: bytes) -> bytes:
    """A field of bytes: a text, a message, packed numbers."""
    return varint(number << 3 | 2) + varint(len(data)) + data
