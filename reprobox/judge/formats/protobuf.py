"""Messages of protobuf as field number → values, without a schema.

Read here and not by the library, which drops fields that a schema does not know, and of a field
that comes twice keeps the last.
"""

from __future__ import annotations

from typing import Any

from reprobox.judge.leaves import Blob, Unreadable

Fields = dict[int, list[Any]]
_FIXED = {1: 8, 5: 4}


def fields(data: Any) -> Fields:
    """Integers, or bytes for the other wire types. Raises Unreadable."""
    found: Fields = {}
    place = 0
    while place < len(data):
        tag, place = varint(data, place)
        kind = tag & 7
        if kind == 0:
            value, place = varint(data, place)
            found.setdefault(tag >> 3, []).append(value)
            continue
        length = _FIXED.get(kind)
        if kind == 2:
            length, place = varint(data, place)
        if length is None or not tag >> 3 or place + length > len(data):
            raise Unreadable("a damaged message of protobuf")
        found.setdefault(tag >> 3, []).append(bytes(data[place : place + length]))
        place += length
    return found


def varint(data: Any, place: int) -> tuple[int, int]:
    """An integer and where it ends. Raises Unreadable, also where a shorter form would do."""
    value = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            if (byte == 0 and shift > 7) or value >> 64:
                break
            return value, place
    raise Unreadable("a damaged message of protobuf")


def signed(value: Any) -> int:
    """An int64 that was written as it is."""
    number = int(value) if isinstance(value, int) else 0
    return number - 2**64 if number >= 2**63 else number


def single(message: Fields, number: int, absent: Any) -> Any:
    """Takes a field out that comes once at most. Raises Unreadable where it comes more often."""
    values = message.pop(number, [absent])
    if len(values) != 1:
        raise Unreadable(f"field {number} of a message comes {len(values)} times")
    return values[0]


def text(value: Any) -> str:
    """A string field; what is not UTF-8 stays apart from what is."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def told(message: Fields) -> Blob | None:
    """What else is in a message, as one leaf that counts as numbers do; None for nothing."""
    if not message:
        return None
    parts = [
        (number, [one.hex() if isinstance(one, bytes) else one for one in values])
        for number, values in sorted(message.items())
    ]
    return Blob(repr(parts))
