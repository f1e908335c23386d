"""SQLite files that other programs wrote: read without a lock, a journal or a write."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote


class Unreadable(ValueError):
    """Not a database, damaged, or not the tables that were expected."""


class Database:
    """An opened database; errors become Unreadable."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def tables(self) -> set[str]:
        """Names of the tables."""
        return {
            name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        }

    def rows(
        self, sql: str, values: Sequence[Any] = (), limit: int = 1_000_000
    ) -> Iterator[tuple[Any, ...]]:
        """At most `limit` rows of a query."""
        try:
            for _, row in zip(range(limit), self._connection.execute(sql, values), strict=False):
                yield row
        except (sqlite3.Error, OverflowError) as error:
            raise Unreadable(f"a database that cannot be read: {error}") from error


@contextlib.contextmanager
def opened(path: Path, text: Callable[[bytes], str] = bytes.decode) -> Iterator[Database]:
    """Opens a file as it is: `immutable`, so that nothing is created next to it
    (https://sqlite.org/uri.html), and with no schema code trusted.

    Args:
        text: makes a text of its bytes, which need not be UTF-8.
    """
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error as error:
        raise Unreadable(f"a database that cannot be opened: {error}") from error
    try:
        connection.text_factory = text
        connection.execute("PRAGMA trusted_schema = OFF")
        yield Database(connection)
    except sqlite3.Error as error:
        raise Unreadable(f"a database that cannot be read: {error}") from error
    finally:
        connection.close()
