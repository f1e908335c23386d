"""The names in `runs/` that the rows of the index are for, as three numbers, so that the arrival of
a few runs among 100,000 is seen without asking for all rows: the names that are younger than all
others are the new ones, if without them the directory is as it was.

What is not so simple (a removed run, one from elsewhere with an older id, a name that is no run) is
compared name by name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from reprobox.kit.lazy_dataclass import dataclass

_TABLE = "CREATE TABLE IF NOT EXISTS names (at INTEGER, count INTEGER, total INTEGER, newest BLOB)"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A listing of a directory."""

    count: int
    total: int
    """The sum of a checksum of each name."""
    newest: bytes
    """The last in the order of bytes."""


def seen(names: Sequence[bytes]) -> Seen:
    """The numbers of a listing."""
    return Seen(count=len(names), total=_total(names), newest=max(names, default=b""))


def arrived(known: Seen, names: Sequence[bytes]) -> tuple[list[bytes], Seen] | None:
    """The names that came since, and the numbers of the listing now; None where more has happened
    than that younger names came.
    """
    if len(names) < known.count:
        return None
    newest = known.newest
    fresh = [name for name in names if name > newest]
    total = _total(names)
    if len(names) - len(fresh) != known.count or total - _total(fresh) != known.total:
        return None
    return fresh, Seen(count=len(names), total=total, newest=max(fresh, default=newest))


def _total(names: Sequence[bytes]) -> int:
    from zlib import crc32

    return sum(map(crc32, names))


def read(database: sqlite3.Connection, at: int) -> Seen | None:
    """What the rows are for; None where that is not known.

    Args:
        at: the time of the directory that the rows are for. A version that does not know this
            table changes rows and that time, and not the table.
    """
    database.execute(_TABLE)
    found = database.execute(
        "SELECT count, total, newest FROM names WHERE at = ?", (at,)
    ).fetchone()
    if at < 0 or found is None or tuple(map(type, found)) != (int, int, bytes):
        return None
    return Seen(count=found[0], total=found[1], newest=found[2])


def write(database: sqlite3.Connection, at: int, now: Seen) -> None:
    """Notes what the rows are for."""
    database.execute("DELETE FROM names")
    database.execute(
        "INSERT INTO names VALUES (?, ?, ?, ?)", (at, now.count, now.total, now.newest)
    )
