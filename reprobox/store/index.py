"""index.sqlite: a cache of the run directories, so that listing is fast with a million runs. Delete
it and nothing is lost.

Writers never touch it. A reader first brings it up to date: if the time of `runs/` has changed, the
names there are compared with the rows; rows without a record are read again. An index of another
version, or a damaged one, is deleted and made again. A directory that cannot be read (EIO, EMFILE,
...) is an error: a run is never silently left out.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol, TypeVar

from reprobox.kit import files
from reprobox.store import (
    annotation_log,
    config_index,
    input_sources,
    layout,
    names_seen,
    run_ids,
    run_row,
    run_values,
    trash,
)
from reprobox.store.run_row import DAMAGED, OPEN, UNREADABLE
from reprobox.store.run_row import RunRow as RunRow

T = TypeVar("T")
VERSION = 3
_COLUMNS = tuple(f'"{column.name}"' for column in fields(RunRow))
_NAMES = tuple(column.name for column in fields(RunRow))
_values = attrgetter(*_NAMES)
_TAGS = _NAMES.index("tags")
_MARKS = ", ".join("?" for _ in _COLUMNS)
_UNPROVEN = 2.0
"""Seconds: a directory's time moves in the kernel's ticks, so one younger than this proves that
nothing came after only where the clock of its file system has moved on since.
"""
_DAMAGE = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_CONSTRAINT,
)
NEWEST_FIRST = "arrival DESC, created DESC, id DESC"
"""By the order in which runs came into the store. A clock that was once ahead decides nothing, but
for runs of reprobox 0.1, which have no position.
"""
_SCHEMA = (
    f"CREATE TABLE runs ({', '.join(_COLUMNS)}, PRIMARY KEY (id)) WITHOUT ROWID",
    f"CREATE INDEX runs_order ON runs ({NEWEST_FIRST})",
    "CREATE INDEX runs_name ON runs (name) WHERE name IS NOT NULL",
    "CREATE INDEX runs_replay ON runs (replay_of) WHERE replay_of IS NOT NULL",
    f"CREATE INDEX runs_state ON runs (state, {NEWEST_FIRST})",
    "CREATE TABLE facts (seen INTEGER)",
    "INSERT INTO facts VALUES (-1)",
    f"PRAGMA user_version = {VERSION}",
)
_COMMITS = 'CREATE INDEX IF NOT EXISTS runs_commit ON runs ("commit")'
"""Made when it is first needed: an index on the disk, which knows nothing of it, stays as it is."""
_ANNOTATED = "CREATE TABLE IF NOT EXISTS annotated (size INTEGER)"
"""Bytes of the log of annotations that the rows are for."""
_UNSETTLED = (OPEN, DAMAGED, UNREADABLE)
"""States of rows that are read again each time."""
_BATCH = 5000
"""Runs whose configs are read in one transaction."""


class _Table(Protocol):
    """A table of the index that is filled when it is first asked for."""

    TABLE: str
    ABSENT: str

    def rows(self, runs: Path, ids: Iterable[str], /) -> Iterable[tuple[str, str]]: ...


class Index:
    """The index of one store; opened and brought up to date by the first question."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._runs = root / "runs"
        self._path = root / "index.sqlite"
        self._annotations: Mapping[str, annotation_log.Annotation] = {}
        self._said = 0
        """Bytes of the log of annotations that these are from."""
        self._open: sqlite3.Connection | None = None
        self._session = contextlib.ExitStack()
        """Holds the lock of a session as long as its connection is open."""

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """Answers every question inside from one connection; what changes meanwhile is seen. For
        short work: as long as it lasts, no other process can replace a damaged index.
        """
        with contextlib.ExitStack() as stack:
            self._session = stack
            try:
                stack.enter_context(files.locked(self._root / "index.lock", shared=True))
                self._open = stack.enter_context(contextlib.closing(self._connected()))
            except (OSError, sqlite3.Error):
                stack.close()  # each question will find its own way
            stack.callback(setattr, self, "_open", None)
            yield

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30, isolation_level=None)

    def rows(
        self,
        where: str = "",
        values: Iterable[Any] = (),
        limit: int | None = None,
        *,
        configs: bool = False,
        commits: bool = False,
    ) -> list[RunRow]:
        """Rows that fulfil a condition in SQL, newest first.

        Args:
            configs: the condition asks for the table of settings, which is brought up to date.
            commits: the condition asks for commits, which then have an index of their own.

        Raises:
            StoreError: a run or the index could not be read.
        """
        sql = f"SELECT {', '.join(_COLUMNS)} FROM runs"  # noqa: S608  (our own column names)
        sql += f" WHERE {where}" if where else ""
        sql += f" ORDER BY {NEWEST_FIRST} LIMIT ?"
        bounds = [*map(_bindable, values), -1 if limit is None else limit]

        def question(database: sqlite3.Connection) -> list[RunRow]:
            if commits:
                database.execute(_COMMITS)
            if configs:
                self._read_configs(database)
            return [row_of(found) for found in database.execute(sql, bounds)]

        return self._ask(question)

    def last_arrival(self) -> int:
        """The highest position in the order of arrival; 0 for none."""
        rows = self.rows(limit=1)
        return max((row.arrival for row in rows), default=0)

    def readers(self, run_id: str) -> list[str]:
        """Ids of the runs that have an input in the outputs of a run, oldest first.

        Raises:
            StoreError: a run or the index could not be read.
        """

        def question(database: sqlite3.Connection) -> list[str]:
            self._fill(database, input_sources, "INSERT OR REPLACE INTO sources VALUES (?, ?)")
            return sorted(name for (name,) in database.execute(input_sources.READERS, (run_id,)))

        return self._ask(question)

    def ask(self, question: Callable[[sqlite3.Connection], T], *, configs: bool = False) -> T:
        """Asks the table of runs, brought up to date; see `ask_values`."""

        def updated(database: sqlite3.Connection) -> T:
            if configs:
                self._read_configs(database)
            return question(database)

        return self._ask(updated)

    def ask_values(
        self,
        read: run_values.Reader,
        question: Callable[[sqlite3.Connection], T],
        *,
        configs: bool = False,
    ) -> T:
        """Asks with the tables of values (`run_values`) brought up to date.

        Args:
            read: reads the values of runs that are not in the tables yet.
            configs: the question asks for the table of settings too.

        Raises:
            StoreError: a run or the index could not be read.
        """

        def updated(database: sqlite3.Connection) -> T:
            if configs:
                self._read_configs(database)
            run_values.update(database, read)
            return question(database)

        return self._ask(updated)

    def _read_configs(self, database: sqlite3.Connection) -> None:
        self._fill(database, config_index, "INSERT OR REPLACE INTO settings VALUES (?, ?)")

    def _fill(self, database: sqlite3.Connection, table: _Table, insert: str) -> None:
        """Reads the runs that are not in a table yet; what is read is kept where a first question
        is cut off.
        """
        database.execute(table.TABLE)
        absent = [name for (name,) in database.execute(table.ABSENT)]
        for start in range(0, len(absent), _BATCH):
            database.execute("BEGIN IMMEDIATE")
            try:
                database.executemany(insert, table.rows(self._runs, absent[start : start + _BATCH]))
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Asks the database on disk, or where that cannot be used (read-only store, disk full) one
        in memory.
        """
        with layout.trouble("reading the runs"):
            if self._open is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._sync(self._open)
                    return question(self._open)
                # With the lock: without that, this process waits for itself to replace the index.
                self._session.close()
            # A damaged index is deleted by the first try; the second finds none and makes it again.
            for _ in range(2):
                answer = self._ask_on_disk(question)
                if answer is not None:
                    return answer
            with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
                self._sync(database)
                return question(database)

    def _ask_on_disk(self, question: Callable[[sqlite3.Connection], T]) -> T | None:
        with contextlib.ExitStack() as stack:
            try:
                # Deleting an SQLite file that another process has open corrupts it
                # (sqlite.org/howtocorrupt.html), hence a lock of ours.
                stack.enter_context(files.locked(self._root / "index.lock", shared=True))
            except OSError:
                return None
            try:
                database = stack.enter_context(contextlib.closing(self._connected()))
                self._sync(database)
                return question(database)
            except sqlite3.Error as fault:
                stack.close()
                self._discard_damaged(fault)
                return None

    def _discard_damaged(self, fault: sqlite3.Error) -> None:
        """Deletes the index when it is damaged or of another version; not when the disk is full, or
        another process writes.
        """
        if getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _DAMAGE:
            return
        with contextlib.suppress(OSError), files.locked(self._root / "index.lock"):
            for suffix in ("", "-journal", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _sync(self, database: sqlite3.Connection) -> None:
        """Brings the rows up to date, in one transaction; the rollback journal works on network
        file systems too, WAL does not.
        """
        before = time.time_ns()
        changed, said = _time_of(self._runs), annotation_log.size(self._root)
        if _is_up_to_date(database, changed, said):
            return
        self._read_annotations(said)
        database.execute("BEGIN IMMEDIATE")
        try:
            seen = _facts(database)
            if seen != changed:
                # Before the names are read: a later change then has a later time.
                after = self._clock()
                old = changed <= before - int(_UNPROVEN * 1e9)
                proven = changed if old or changed < after else -1
                self._compare_names(database, seen, proven)
                if proven != seen:
                    database.execute("UPDATE facts SET seen = ?", (proven,))
            self._read_again(database)
            self._annotate(database, said)
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")

    def _clock(self) -> int:
        """The time that a change in `runs/` would get now, in nanoseconds, by the clock of its file
        system, which may be another machine's; -1 where it cannot be read.
        """
        probe = files.temp_beside(self._root / "tmp")
        try:
            fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError:
            return -1
        try:
            new, folder = os.fstat(fd), os.stat(self._runs)
            return new.st_mtime_ns if new.st_dev == folder.st_dev else -1
        except OSError:
            return -1
        finally:
            with contextlib.suppress(OSError):
                probe.unlink()
            with contextlib.suppress(OSError):
                os.close(fd)

    def _compare_names(self, database: sqlite3.Connection, before: int, now: int) -> None:
        """Brings the rows up to date with the names in `runs/`.

        Args:
            before: the time of `runs/` that the rows are for.
            now: the time that they are for afterwards; negative where it proves nothing.
        """
        listed = _names(self._runs)
        known = names_seen.read(database, before)
        found = names_seen.arrived(known, listed) if known else None
        fresh = list(map(os.fsdecode, found[0])) if found else []
        if found and all(map(run_ids.is_id, fresh)):
            _store(database, map(self._read, sorted(fresh)))
            names_seen.write(database, now, found[1])
        else:
            self._compare_all(database, set(map(os.fsdecode, listed)))
            names_seen.write(database, now, names_seen.seen(listed))

    def _compare_all(self, database: sqlite3.Connection, here: set[str]) -> None:
        # As one text, which takes two thirds of the time of 100,000 rows. No id has a line end.
        (ids,) = database.execute("SELECT group_concat(id, char(10)) FROM runs").fetchone()
        known = set(ids.split("\n")) if ids else set()
        new = here - known  # the marks of removed runs are among them: they are no rows
        removed = set(trash.marked(new))
        gone = [(name,) for name in (known - here) | (known & removed)]
        database.executemany("DELETE FROM runs WHERE id = ?", gone)
        # Only what is new is looked at closely: the others may be a hundred thousand.
        # In the order of their names, in which also most of SQLite's trees grow at one end.
        _store(database, map(self._read, sorted(trash.living(new) - removed)))

    def _read_again(self, database: sqlite3.Connection) -> None:
        """Runs without a record, and those whose record was damaged and may be restored."""
        sql = f"SELECT {', '.join(_COLUMNS)} FROM runs WHERE state IN (?, ?, ?)"  # noqa: S608  (our own column names)
        for old in [row_of(found) for found in database.execute(sql, _UNSETTLED)]:
            new = self._read(old.id)
            if new != old:
                _store(database, (new,))

    def _read(self, name: str) -> RunRow:
        # A directory without an intent may get one later, and its time does not show that.
        row = run_row.read(self._runs, name) or RunRow(id=name, state=OPEN, created=-1.0)
        said = self._annotations.get(name)
        return row if said is None else said.applied(row)

    def _read_annotations(self, size: int) -> None:
        """Reads what was said of runs afterwards; again when the log has grown."""
        if size != self._said:
            self._annotations, self._said = annotation_log.read(self._root), size

    def _annotate(self, database: sqlite3.Connection, size: int) -> None:
        """Reads the annotated runs again when the log is not the one that the rows are for.

        Args:
            size: of the log that was read.
        """
        database.execute(_ANNOTATED)
        seen = database.execute("SELECT size FROM annotated").fetchone()
        if size == (seen[0] if seen else 0):
            return
        known = {name for (name,) in database.execute("SELECT id FROM runs")}
        _store(database, map(self._read, self._annotations.keys() & known))
        database.execute("DELETE FROM annotated")
        database.execute("INSERT INTO annotated VALUES (?)", (size,))


def _store(database: sqlite3.Connection, rows: Iterable[RunRow]) -> None:
    statement = f"INSERT OR REPLACE INTO runs VALUES ({_MARKS})"  # noqa: S608 (question marks only)
    database.executemany(statement, map(_bound, rows))


def _bound(row: RunRow) -> list[Any]:
    values = list(_values(row))
    values[_TAGS] = "".join(f"\n{tag}\n" for tag in row.tags)
    return [
        _bindable(value) if isinstance(value, str) and not value.isascii() else value
        for value in values
    ]


def _bindable(value: Any) -> Any:
    """SQLite's text is UTF-8; the lone surrogates of a name that was not are written out, as a list
    would show them.
    """
    return (
        value.encode("utf-8", "backslashreplace").decode("utf-8")
        if isinstance(value, str)
        else value
    )


def _is_up_to_date(database: sqlite3.Connection, changed: int, annotated: int) -> bool:
    """Whether no directory came or went, no run is without a whole record, and nothing was said of
    runs since.
    """
    if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        return False
    if _facts(database) != changed:
        return False
    database.execute(_ANNOTATED)
    seen = database.execute("SELECT size FROM annotated").fetchone()
    if annotated != (seen[0] if seen else 0):
        return False
    asked = "SELECT 1 FROM runs WHERE state IN (?, ?, ?) LIMIT 1"
    return database.execute(asked, _UNSETTLED).fetchone() is None


def _facts(database: sqlite3.Connection) -> int:
    """The time of `runs/` that the rows are for; a fresh database gets its tables first."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        for statement in _SCHEMA:
            database.execute(statement)
    elif version != VERSION:
        raise sqlite3.DatabaseError(f"index of version {version}")
    found = database.execute("SELECT seen FROM facts").fetchone()
    if found is None or not isinstance(found[0], int):
        raise sqlite3.DatabaseError("the index has lost its facts")
    return found[0]


def _time_of(folder: Path) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except FileNotFoundError:
        return -2


def _names(folder: Path) -> list[bytes]:
    try:
        return os.listdir(os.fsencode(folder))
    except FileNotFoundError:
        return []


def row_of(values: Sequence[Any]) -> RunRow:
    """A run from the columns of its row, in the order of RunRow's fields."""
    found = dict(zip(_NAMES, values, strict=True))
    if not isinstance(found["tags"], str) or not isinstance(found["created"], float):
        raise sqlite3.DatabaseError("a row of the index is damaged")
    found["snapshot"] = bool(found["snapshot"])
    found["tags"] = tuple(tag for tag in found["tags"].split("\n") if tag)
    return RunRow(**found)
