"""Values of runs in the index: config values, parameters, metrics, series; read when first asked
for.

A value is found by the key of its name, so that sorting and filtering 100,000 runs by one metric
touches one range of one table. Everything here is a cache: it is read again from the runs.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from reprobox.kit.lazy_dataclass import dataclass

Scalar = float | str | None
KINDS = ("metric", "param", "config")
"""Where a name is looked for first: what was measured, what a tracker noted, the config."""
_TABLES = (
    "CREATE TABLE IF NOT EXISTS values_read (id TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS value_names (
        key INTEGER PRIMARY KEY, kind TEXT, name TEXT, UNIQUE (kind, name))""",
    """CREATE TABLE IF NOT EXISTS run_values (
        key INTEGER, id TEXT, value, source TEXT, PRIMARY KEY (key, id)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS run_values_by_id ON run_values (id)",
    """CREATE TABLE IF NOT EXISTS run_series (
        id TEXT, name TEXT, source TEXT, points TEXT, PRIMARY KEY (id, name, source))
        WITHOUT ROWID""",
)
_TO_READ = (
    "CREATE TABLE values_unread (id TEXT PRIMARY KEY) WITHOUT ROWID",
    """INSERT INTO values_unread SELECT runs.id FROM runs LEFT JOIN values_read USING (id)
        WHERE values_read.id IS NULL AND runs.digest != '' AND runs.created >= 0""",
    """CREATE TRIGGER values_arrive AFTER INSERT ON runs
        WHEN NEW.digest != '' AND NEW.created >= 0
            AND NOT EXISTS (SELECT 1 FROM values_read WHERE id = NEW.id)
        BEGIN INSERT OR IGNORE INTO values_unread VALUES (NEW.id); END""",
)
"""Runs whose values are still to be read: a trigger notes them, so that a listing does not look for
them among all runs.
"""
_UNREAD = "SELECT id FROM values_unread JOIN runs USING (id)"
_BATCH = 200
"""Runs whose values are read and stored in one transaction."""


@dataclass(frozen=True, kw_only=True)
class RunValues:
    """What is known of one run: (kind, name, source, value) and (name, source, points)."""

    values: tuple[tuple[str, str, str, Scalar], ...] = ()
    series: tuple[tuple[str, str, tuple[tuple[float, float], ...]], ...] = ()
    complete: bool = True
    """False where outputs are missing, so that the run is read again when it is asked for again."""


Reader = Callable[[Sequence[str]], Iterable[tuple[str, RunValues]]]
"""Reads the values of some runs, by id."""


def update(database: sqlite3.Connection, read: Reader) -> None:
    """Reads the runs that are not in the tables yet; what is read stays when this is cut off."""
    for statement in _TABLES:
        database.execute(statement)
    _note_unread(database)
    unread = [name for (name,) in database.execute(_UNREAD)]
    for start in range(0, len(unread), _BATCH):
        found = list(read(unread[start : start + _BATCH]))
        database.execute("BEGIN IMMEDIATE")
        try:
            for run_id, values in found:
                _store(database, run_id, values)
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")


def _note_unread(database: sqlite3.Connection) -> None:
    known = "SELECT 1 FROM sqlite_master WHERE name = 'values_arrive'"
    if database.execute(known).fetchone():
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        if database.execute(known).fetchone() is None:  # nor has another process made it by now
            for statement in _TO_READ:
                database.execute(statement)
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _store(database: sqlite3.Connection, run_id: str, found: RunValues) -> None:
    database.execute("DELETE FROM run_values WHERE id = ?", (run_id,))
    database.execute("DELETE FROM run_series WHERE id = ?", (run_id,))
    database.executemany(
        "INSERT OR IGNORE INTO run_values VALUES (?, ?, ?, ?)",
        [
            (_key(database, kind, _text(name)), run_id, _bindable(value), _text(source))
            for kind, name, source, value in found.values
        ],
    )
    database.executemany(
        "INSERT OR IGNORE INTO run_series VALUES (?, ?, ?, ?)",
        [
            (run_id, _text(name), _text(source), json.dumps(points))
            for name, source, points in found.series
        ],
    )
    if found.complete:
        database.execute("INSERT OR IGNORE INTO values_read VALUES (?)", (run_id,))
        database.execute("DELETE FROM values_unread WHERE id = ?", (run_id,))


def _key(database: sqlite3.Connection, kind: str, name: str) -> int:
    row = database.execute(
        "SELECT key FROM value_names WHERE kind = ? AND name = ?", (kind, name)
    ).fetchone()
    if row is not None:
        return int(row[0])
    cursor = database.execute("INSERT INTO value_names (kind, name) VALUES (?, ?)", (kind, name))
    return int(cursor.lastrowid or 0)


def _text(text: str) -> str:
    """SQLite's text is UTF-8; lone surrogates are written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _bindable(value: Scalar) -> Scalar:
    return _text(value) if isinstance(value, str) else value


def names(database: sqlite3.Connection) -> list[tuple[int, str, str]]:
    """Every (key, kind, name)."""
    return [
        (int(key), str(kind), str(name))
        for key, kind, name in database.execute("SELECT key, kind, name FROM value_names")
    ]


def counted_names(database: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """(kind, name, number of runs), sorted by kind and name."""
    return [
        (str(kind), str(name), int(count))
        for kind, name, count in database.execute(
            "SELECT kind, value_names.name, count(*) FROM value_names JOIN run_values USING (key) "
            "JOIN runs USING (id) GROUP BY key ORDER BY kind, value_names.name"
        )
    ]


def metrics_of(database: sqlite3.Connection, ids: Sequence[str]) -> list[str]:
    """Names of the metrics that some runs have, those of most runs first."""
    marks = ", ".join("?" for _ in ids)
    sql = (
        "SELECT value_names.name FROM run_values JOIN value_names USING (key) "  # noqa: S608
        f"WHERE kind = 'metric' AND id IN ({marks}) "
        "GROUP BY key ORDER BY count(*) DESC, value_names.name"
    )
    return [str(name) for (name,) in database.execute(sql, list(ids))]


def chosen(
    database: sqlite3.Connection, ids: Sequence[str], wanted: Sequence[str]
) -> dict[str, tuple[Scalar, ...]]:
    """The metrics of these exact names that some runs have, None where one has none."""
    values: dict[tuple[str, str], Scalar] = {}
    runs, named = (", ".join("?" for _ in many) for many in (ids, wanted))
    sql = (
        "SELECT id, value_names.name, value FROM run_values JOIN value_names USING (key) "  # noqa: S608
        f"WHERE kind = 'metric' AND id IN ({runs}) AND value_names.name IN ({named})"
    )
    for run_id, name, value in database.execute(sql, [*ids, *wanted]):
        values[str(run_id), str(name)] = cell(value)
    return {one: tuple(values.get((one, name)) for name in wanted) for one in ids}


def of_run(database: sqlite3.Connection, run_id: str) -> RunValues:
    """Everything that is known of one run, sorted by kind and name."""
    values = database.execute(
        "SELECT kind, name, source, value FROM run_values JOIN value_names USING (key) "
        "WHERE id = ? ORDER BY kind, name",
        (run_id,),
    )
    series = database.execute(
        "SELECT name, source, points FROM run_series WHERE id = ? ORDER BY name, source", (run_id,)
    )
    return RunValues(
        values=tuple((str(k), str(n), str(s), cell(value)) for k, n, s, value in values),
        series=tuple(
            (str(name), str(source), tuple((float(x), float(y)) for x, y in json.loads(points)))
            for name, source, points in series
        ),
    )


def keys_of(known: Sequence[tuple[int, str, str]], wanted: str) -> list[int]:
    """The keys of what a user calls `wanted`: that name itself, or names that end in it after a dot
    or a slash; metrics before parameters before config values.

    Raises:
        LookupError: nothing is called so (no arguments), or several things (their names).
    """
    exact = [(kind, key) for key, kind, name in known if name == wanted]
    if not exact:
        ends = (f".{wanted}", f"/{wanted}")
        near = [(kind, key, name) for key, kind, name in known if name.endswith(ends)]
        several = sorted({name for _, _, name in near})
        if len(several) != 1:
            raise LookupError(*several)
        exact = [(kind, key) for kind, key, _ in near]
    return [key for _, key in sorted(exact, key=lambda pair: KINDS.index(pair[0]))]


def column(keys: Sequence[int]) -> str:
    """SQL for the value of a run of the table `runs`: the first of the keys that it has."""
    each = [
        f"(SELECT value FROM run_values WHERE key = {int(key)} AND id = runs.id)"  # noqa: S608
        for key in keys
    ]
    return each[0] if len(each) == 1 else f"COALESCE({', '.join(each)})"


def cell(value: Any) -> Scalar:
    """A value of the table, as it was."""
    return value if isinstance(value, (float, str)) or value is None else float(value)
