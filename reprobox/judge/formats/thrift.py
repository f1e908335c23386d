"""Structures of Thrift's compact protocol, as field number → value, without a schema.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from typing import Any

from reprobox.judge.formats import protobuf
from reprobox.judge.leaves import Unreadable

Struct = dict[int, Any]
_DEPTH = 30


def struct(data: Any, place: int, depth: int = 0) -> tuple[Struct, int]:
    """A structure and where it ends. Raises Unreadable."""
    if depth > _DEPTH:
        raise Unreadable("structures within structures without end")
    found: Struct = {}
    number = 0
    while True:
        head = data[place]
        place += 1
        if head == 0:
            return found, place
        if head >> 4:
            number += head >> 4
        else:
            number, place = _zigzag(data, place)
        found[number], place = _value(data, place, head & 15, depth)


def _value(data: Any, place: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, place
    if kind == 3:
        return data[place], place + 1
    if kind in (4, 5, 6):
        return _zigzag(data, place)
    if kind == 7:
        return bytes(data[place : place + 8]), place + 8
    if kind == 8:
        size, place = protobuf.varint(data, place)
        if place + size > len(data):
            raise Unreadable("a structure that is cut off")
        return bytes(data[place : place + size]), place + size
    if kind in (9, 10):
        return _list(data, place, depth)
    if kind == 12:
        return struct(data, place, depth + 1)
    raise Unreadable(f"a structure with a value of type {kind}")


def _list(data: Any, place: int, depth: int) -> tuple[list[Any], int]:
    size, kind, place = data[place] >> 4, data[place] & 15, place + 1
    if size == 15:
        size, place = protobuf.varint(data, place)
    if size > len(data):
        raise Unreadable("a structure that is cut off")
    found = []
    for _ in range(size):
        if kind in (1, 2):
            value, place = data[place] == 1, place + 1
        else:
            value, place = _value(data, place, kind, depth)
        found.append(value)
    return found, place


def _zigzag(data: Any, place: int) -> tuple[int, int]:
    value, place = protobuf.varint(data, place)
    return (value >> 1) ^ -(value & 1), place
