"""A clock in the bytes of a file that no reader knows: a double that is a time on both sides, in
seconds or milliseconds. Integers are too often a time by accident.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SIZE = 8
_UNITS = (1.0, 1e3)
_EARLIEST, _LATEST = 1_262_304_000, 4_102_444_800
"""2010 and 2100, in seconds since 1970."""
_APART = 400 * 86_400
"""Seconds between two runs that are compared."""


def at(left: Path, right: Path, place: int) -> dict[str, Any] | None:
    """The time that holds the first differing byte, as a `Chance`; None where there is none."""
    start = max(0, place - _SIZE + 1)
    ours, theirs = (_bytes(path, start, place + _SIZE - start) for path in (left, right))
    for offset in range(min(len(ours), len(theirs)) - _SIZE + 1):
        if times := _times(ours[offset : offset + _SIZE], theirs[offset : offset + _SIZE]):
            name = f"offset {start + offset}, a double"
            return {"kind": "a time", "name": name, "left": times[0], "right": times[1], "count": 1}
    return None


def _bytes(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _times(left: bytes, right: bytes) -> list[str]:
    numbers = [struct.unpack("<d", side)[0] for side in (left, right)]
    for unit in _UNITS:
        seconds = [number / unit for number in numbers]
        known = all(_EARLIEST <= one <= _LATEST for one in seconds)
        if known and abs(seconds[0] - seconds[1]) <= _APART:
            return [datetime.fromtimestamp(one, UTC).isoformat() for one in seconds]
    return []
