"""Databases by their rows: pages, free space and row ids are not content."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from file_contents import content_of, plain, rest

from reprobox.judge.leaves import Blob, Unreadable


def made(folder: Path, *statements: str | tuple[str, tuple[Any, ...]]) -> bytes:
    path = folder / "made.db"
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        for one in statements:
            database.execute(*([one] if isinstance(one, str) else one))
        database.commit()
    return path.read_bytes()


TABLE = "CREATE TABLE m (key TEXT, value REAL)"


def test_rows_by_column_and_the_schema(tmp_path: Path) -> None:
    data = made(tmp_path, TABLE, "INSERT INTO m VALUES ('loss', 0.5), ('acc', NULL)")
    content = content_of(tmp_path, "a.db", data)
    found = plain(content)
    assert found["<table m>"] == TABLE
    assert found["m<rows>"] == 2
    assert [found[f"m.{name}"] for name in ("key[0]", "key[1]", "value[0]", "value[1]")] == [
        "loss",
        "acc",
        0.5,
        None,
    ]
    assert rest(content) == []


def test_pages_and_free_space_are_not_content(tmp_path: Path) -> None:
    rows = "INSERT INTO m VALUES ('loss', 0.5)"
    more = [("INSERT INTO m VALUES (?, 1)", ("x" * 9000,)), "DELETE FROM m WHERE value = 1"]
    one = made(tmp_path, TABLE, rows)
    other = made(tmp_path, TABLE, rows, *more)
    assert len(one) != len(other)
    assert plain(content_of(tmp_path, "a.db", one)) == plain(content_of(tmp_path, "a.db", other))


def test_bytes_and_a_text_that_reads_like_them_are_two_values(tmp_path: Path) -> None:
    table = 'CREATE TABLE "a.b" (v)'
    data = made(tmp_path, table, ('INSERT INTO "a.b" VALUES (?), (?)', (b"a", "61")))
    found = plain(content_of(tmp_path, "a.db", data))
    first, second = found['"a.b".v[0]'], found['"a.b".v[1]']
    assert (isinstance(first, Blob), isinstance(second, Blob)) == (True, False)


def test_bytes_behind_the_last_page_are_rest(tmp_path: Path) -> None:
    data = made(tmp_path, TABLE)
    assert rest(content_of(tmp_path, "a.db", data + b"tail")) == [(len(data), 4)]


def test_a_database_with_rows_in_a_journal_behind_it_is_not_read(tmp_path: Path) -> None:
    data = made(tmp_path, "PRAGMA journal_mode = WAL", TABLE)
    (tmp_path / "file-wal").write_bytes(b"")
    assert plain(content_of(tmp_path, "a.db", data))["m<rows>"] == 0
    (tmp_path / "file-wal").write_bytes(b"rows")
    with pytest.raises(Unreadable, match="-wal"):
        content_of(tmp_path, "a.db", data)


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    data = bytearray(made(tmp_path, TABLE, "INSERT INTO m VALUES ('loss', 0.5)"))
    data[4096:4104] = b"\xff" * 8
    with pytest.raises(Unreadable):
        content_of(tmp_path, "a.db", bytes(data))
