"""Messages of protobuf as field number → values, without a schema.

Read here and not by the library, which drops fields that a schema does not know, and of a field
that comes twice keeps the last.
"""

from __future__ import annotations

from typing import Any

from reprobox.judge.leaves import Blob, Unreadable
from reprobox.kit import protobuf
from reprobox.kit.protobuf import signed as signed

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
    """An integer and where it ends. Raises Unreadable, also where a shorter form would do: two
    files with the same values then have the same bytes.
    """
    try:
        value, end = protobuf.varint(data, place)
    except protobuf.Damaged as fault:
        raise Unreadable("a damaged message of protobuf") from fault
    if (end - place > 1 and not data[end - 1]) or value >> 64:
        raise Unreadable("a damaged message of protobuf")
    return value, end


def single(message: Fields, number: int, absent: Any) -> Any:
    """Takes a field out that comes once at most. Raises Unreadable where it comes more often."""
    values = message.pop(number, [absent])
    if len(values) != 1:
        raise Unreadable(f"field {number} of a message comes {len(values)} times")
    return values[0]


def text(value: Any) -> str:
    """A string field; what is not UTF-8 stays apart from what is."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def rest(message: Fields) -> Blob | None:
    """The remaining fields of a message, as one leaf that counts as numbers do; None for none."""
    if not message:
        return None
    parts = [
        (number, [one.hex() if isinstance(one, bytes) else one for one in values])
        for number, values in sorted(message.items())
    ]
    return Blob(repr(parts))
