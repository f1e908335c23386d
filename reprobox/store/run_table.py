"""Runs with chosen values next to them: filtered, sorted and cut in the index."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, fields

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.store import run_list, run_values
from reprobox.store.index import NEWEST_FIRST, Index, row_of
from reprobox.store.run_expression import parse
from reprobox.store.run_list import Filter
from reprobox.store.run_row import RunRow
from reprobox.store.run_values import Reader, Scalar

BUILTIN = {
    "run": "id",
    "id": "id",
    "name": "name",
    "state": "state",
    "exit": "exit_code",
    "created": "created",
    "took": "duration",
    "commit": '"commit"',
    "branch": "branch",
    "config": "config_path",
    "identity": "identity",
    "image": "image",
    "replay_of": "replay_of",
    "outputs": "outputs",
    "size": "size",
}
"""Columns that every run has: what a user calls them, and the index's name."""
_ROW = ", ".join(f'runs."{column.name}"' for column in fields(RunRow))


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is to be shown, of which runs, in which order."""

    filter: Filter = field(default_factory=Filter)
    where: Sequence[str] = ()
    """Conditions on values that all must hold; see `run_expression`."""
    columns: Sequence[str] = ()
    sort: str | None = None
    """A column; with `-` before it the largest first. None: newest first."""
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class ValuedRow:
    """A run and the values of the query's columns, None where it has none."""

    row: RunRow
    values: tuple[Scalar, ...]


class UnknownColumn(LookupError):
    """No run has a value of this name, or several values are called so.

    Attributes:
        name: what was asked for.
        near: names that it may mean.
    """

    def __init__(self, name: str, near: Sequence[str]) -> None:
        super().__init__(name)
        self.name, self.near = name, tuple(near)


def rows(
    index: Index, read: Reader, state_of: Callable[[RunRow], str], query: Query
) -> list[ValuedRow]:
    """The rows of a query.

    Raises:
        UnknownColumn: a column, the sort key or a name in the condition.
        BadExpression: the condition cannot be read.
        StoreError: a run or the index could not be read.
    """

    def question(database: sqlite3.Connection) -> list[ValuedRow]:
        return list(_rows(database, query))

    found = index.ask_values(read, question, configs=bool(query.filter.settings))
    settled = ((run_list.settled(item.row, state_of), item.values) for item in found)
    wanted = query.filter.state
    return [
        ValuedRow(row=row, values=values)
        for row, values in settled
        if row is not None and wanted in (None, row.state)
    ][: query.limit]


def _rows(database: sqlite3.Connection, query: Query) -> Iterator[ValuedRow]:
    known = run_values.names(database)

    def column(name: str) -> str:
        if name in BUILTIN:
            return f"runs.{BUILTIN[name]}"
        try:
            return run_values.column(run_values.keys_of(known, name))
        except LookupError as missing:
            raise UnknownColumn(name, missing.args or _near(known, name)) from None

    where, values = run_list.condition(query.filter)
    for text in query.where:
        more = parse(text, column)
        where, values = f"{where} AND {more.sql}", [*values, *more.values]
    order = NEWEST_FIRST
    if query.sort is not None:
        by = column(query.sort.removeprefix("-"))
        order = f"{by} {'DESC' if query.sort.startswith('-') else 'ASC'} NULLS LAST, {order}"
    chosen = "".join(f", {column(name)}" for name in query.columns)
    # An open run may drop out when its state is computed, so such a list is cut afterwards.
    limit = -1 if query.limit is None or query.filter.state is not None else query.limit
    sql = f"SELECT {_ROW}{chosen} FROM runs WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608
    count = len(fields(RunRow))
    for found in database.execute(sql, [*values, limit]):
        row = row_of(found[:count])
        yield ValuedRow(row=row, values=tuple(map(run_values.cell, found[count:])))


def _near(known: Sequence[tuple[int, str, str]], name: str) -> list[str]:
    import difflib

    every = sorted({known_name for _, _, known_name in known})
    return difflib.get_close_matches(name, every, n=3, cutoff=0.5)
