"""SQLite: tables row by row, and the schema. Opened read-only, and nothing in it is run.

https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Blob, Rows, Scalar, Unreadable, segment
from reprobox.kit import read_only_sqlite
from reprobox.kit.read_only_sqlite import Database

MAGIC = b"SQLite format 3\0"
_WAL = 2
_MAX_CELLS = 20_000_000
LEFT_OUT = {
    "pages": "size and order of pages",
    "free": "free pages, and free space in pages",
    "counters": "counters of changes, version of the library",
    "row-ids": "row ids that no column shows",
    "journal": "whether changes were journaled before or behind (WAL)",
    "statistics": "rows of the tables that ANALYZE writes",
}


def _read(file: File) -> Content:
    head = bytes(file.data[:100])
    if head[18] == _WAL and _has_content(Path(f"{file.path}-wal")):
        raise Unreadable("a database of which rows are still in its -wal file")
    with read_only_sqlite.opened(file.path, _text) as database:
        list(database.rows("PRAGMA cell_size_check = ON"))
        damage = _one(database, "PRAGMA integrity_check(1)")
        if damage != "ok":
            raise Unreadable(f"a damaged database: {damage}")
        for pragma in ("user_version", "application_id", "encoding"):
            file.put(f"<{pragma}>", _one(database, f"PRAGMA {pragma}"))
        _schema(file, database)
        pages, size = (_one(database, f"PRAGMA page_{what}") for what in ("count", "size"))
    file.leave_out(SEVERAL, 0, min(pages * size, file.size))
    return file.content("sqlite")


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Blob(f"text {value.hex()}")


def _one(database: Database, sql: str) -> Any:
    return next(database.rows(sql))[0]


def _schema(file: File, database: Database) -> None:
    found = database.rows("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")
    for kind, name, table, sql in list(found):
        file.put(f"<{kind} {segment(name)}>", sql)
        if table != name:
            file.put(f"<{kind} {segment(name)}> on", table)
        virtual = str(sql).upper().startswith("CREATE VIRTUAL")
        if kind == "table" and not virtual and not name.startswith("sqlite_stat"):
            _table(file, database, name)


def _table(file: File, database: Database, name: str) -> None:
    """Rows in the order of their id or primary key, which is how the table itself is kept."""
    quoted = '"' + name.replace('"', '""') + '"'
    shown = database.rows("SELECT name FROM pragma_table_xinfo(?) WHERE hidden != 1", (name,))
    names = [column for (column,) in shown]
    columns: list[list[Scalar]] = [[] for _ in names]
    rows = database.rows(f"SELECT * FROM {quoted}", limit=_MAX_CELLS)  # noqa: S608 - quoted
    for count, row in enumerate(rows):
        if count * len(columns) > _MAX_CELLS:
            raise Unreadable("more values than a reader may take")
        for values, value in zip(columns, row, strict=True):
            values.append(_leaf(value))
    file.put(f"{segment(name)}<rows>", len(columns[0]))
    for column, values in zip(names, columns, strict=True):
        file.put_rows(f"{segment(name)}.{segment(column)}", Rows(values))


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
    not_checked={
        "integrity": "databases in which SQLite's own check finds damage",
        "wal": "databases with rows in a `-wal` file",
    },
    beyond=(f"more than {_MAX_CELLS:,} cells of a table",),
)
