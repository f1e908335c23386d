"""Databases of other programs: read, and never written to."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from reprobox.kit.read_only_sqlite import Unreadable, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "odd?name#1.db"
    with contextlib.closing(sqlite3.connect(place)) as database:
        database.execute("CREATE TABLE m (k TEXT, v)")
        database.executemany("INSERT INTO m VALUES (?, ?)", [("a", 1), ("b", 2), ("c", 3)])
        database.commit()
    return place


def test_rows_and_tables_and_nothing_beside_the_file(path: Path) -> None:
    with opened(path) as database:
        assert database.tables() == {"m"}
        assert list(database.rows("SELECT v FROM m WHERE k > ?", ("a",))) == [(2,), (3,)]
        assert len(list(database.rows("SELECT * FROM m", limit=2))) == 2
        with pytest.raises(Unreadable):
            list(database.rows("DELETE FROM m"))
        with pytest.raises(Unreadable):
            list(database.rows("SELECT * FROM absent"))
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_bytes_that_are_no_text_are_what_the_caller_makes_of_them(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO m VALUES (CAST(x'ff' AS TEXT), 4)")
        database.commit()
    with opened(path, lambda data: data.decode("latin-1")) as database:
        assert list(database.rows("SELECT k FROM m WHERE v = 4")) == [("ÿ",)]


@pytest.mark.parametrize("data", [b"not a database at all, and long enough", None])
def test_what_is_no_database_is_unreadable(tmp_path: Path, data: bytes | None) -> None:
    place = tmp_path / "x.db"
    if data is not None:
        place.write_bytes(data)
    with pytest.raises(Unreadable), opened(place) as database:
        database.tables()
