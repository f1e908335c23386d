"""Which runs' values are read, and when."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence

import pytest

from reprobox.store import run_values
from reprobox.store.run_values import RunValues


class Reading:
    """A reader that notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.complete = True

    def __call__(self, ids: Sequence[str]) -> Iterator[tuple[str, RunValues]]:
        self.asked += ids
        for run_id in ids:
            values = (("metric", "accuracy", "m.json", 0.5),)
            yield run_id, RunValues(values=values, complete=self.complete)


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.execute("CREATE TABLE runs (id PRIMARY KEY, digest, created) WITHOUT ROWID")
        made.execute(
            "INSERT INTO runs VALUES ('old', 'd', 1.0), ('running', '', 1.0), ('bad', 'd', -1)"
        )
        yield made


def arrive(database: sqlite3.Connection, run_id: str, digest: str) -> None:
    database.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, 2.0)", (run_id, digest))


def test_each_recorded_run_is_read_once(database: sqlite3.Connection) -> None:
    read = Reading()
    run_values.update(database, read)
    assert read.asked == ["old"]
    arrive(database, "running", "d")
    arrive(database, "new", "d")
    arrive(database, "begun", "")
    arrive(database, "old", "d")  # written again, as a row is when its run was annotated
    run_values.update(database, read)
    assert sorted(read.asked) == ["new", "old", "running"]
    run_values.update(database, read)
    assert len(read.asked) == 3


def test_a_run_without_its_outputs_is_read_again(database: sqlite3.Connection) -> None:
    read = Reading()
    read.complete = False
    run_values.update(database, read)
    read.complete = True
    run_values.update(database, read)
    run_values.update(database, read)
    assert read.asked == ["old", "old"]


def test_a_run_that_was_removed_is_not_read(database: sqlite3.Connection) -> None:
    read = Reading()
    run_values.update(database, read)
    arrive(database, "new", "d")
    database.execute("DELETE FROM runs WHERE id = 'new'")
    run_values.update(database, read)
    assert read.asked == ["old"]


def test_tables_of_an_earlier_version_learn_what_is_unread(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE values_read (id TEXT PRIMARY KEY) WITHOUT ROWID")
    database.execute("INSERT INTO values_read VALUES ('old')")
    arrive(database, "new", "d")
    read = Reading()
    run_values.update(database, read)
    assert read.asked == ["new"]
