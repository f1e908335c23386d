"""SQLite: tables row by row, and the schema. Opened read-only, and nothing in it is run.

https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Blob, Rows, Scalar, Unreadable, segment

MAGIC = b"SQLite format 3\0"
_WAL = 2
_MAX_CELLS = 20_000_000
LEFT_OUT = {
    "pages": "pages and their order, free space in them, counters of changes, version of the "
    "library, row ids that no column shows",
}


def _read(file: File) -> Content:
    head = bytes(file.data[:100])
    if head[18] == _WAL and _has_content(Path(f"{file.path}-wal")):
        raise Unreadable("a database of which rows are still in its -wal file")
    database = sqlite3.connect(f"{file.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    with contextlib.closing(database):
        database.text_factory = _text
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
            database.execute(f"PRAGMA {pragma}")
        damage = database.execute("PRAGMA quick_check(1)").fetchone()
        if damage != ("ok",):
            raise Unreadable(f"a damaged database: {damage[0]}")
        for pragma in ("user_version", "application_id", "encoding"):
            file.put(f"<{pragma}>", database.execute(f"PRAGMA {pragma}").fetchone()[0])
        _schema(file, database)
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        size = database.execute("PRAGMA page_size").fetchone()[0]
    file.leave_out("pages", 0, min(pages * size, file.size))
    return file.content("sqlite")


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Blob(f"text {value.hex()}")


def _schema(file: File, database: sqlite3.Connection) -> None:
    found = database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
    for kind, name, sql in found.fetchall():
        file.put(f"<{kind} {segment(name)}>", sql)
        virtual = str(sql).upper().startswith("CREATE VIRTUAL")
        if kind == "table" and not virtual and not name.startswith("sqlite_stat"):
            _table(file, database, name)


def _table(file: File, database: sqlite3.Connection, name: str) -> None:
    """Rows in the order of their id or primary key, which is how the table itself is kept."""
    quoted = '"' + name.replace('"', '""') + '"'
    rows = database.execute(f"SELECT * FROM {quoted}")  # noqa: S608 - a name from the file itself
    columns: list[list[Scalar]] = [[] for _ in rows.description]
    for count, row in enumerate(rows):
        if count * len(columns) > _MAX_CELLS:
            raise Unreadable("more values than a reader may take")
        for place, value in enumerate(row):
            columns[place].append(_leaf(value))
    file.put(f"{segment(name)}<rows>", len(columns[0]))
    for description, values in zip(rows.description, columns, strict=True):
        file.put_rows(f"{segment(name)}.{segment(description[0])}", Rows(values))


def _leaf(value: Any) -> Scalar:
    return Blob(value.hex()) if isinstance(value, bytes) else value


def _is_sqlite(head: Head) -> bool:
    return head.first.startswith(MAGIC)


FORMAT = Format(
    name="sqlite",
    files="SQLite (MLflow, Optuna)",
    by="Python's sqlite3",
    claims=_is_sqlite,
    read=_read,
    left_out=LEFT_OUT,
)
