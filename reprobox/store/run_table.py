"""Runs with chosen values next to them: filtered, sorted and cut in the index."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import field, fields
from typing import Any, TypeVar

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.store import run_list, run_values
from reprobox.store.index import NEWEST_FIRST, Index, row_of
from reprobox.store.run_expression import parse
from reprobox.store.run_list import Filter
from reprobox.store.run_row import OPEN, RunRow
from reprobox.store.run_values import Reader, Scalar

T = TypeVar("T")
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
    offset: int = 0
    """How many rows are left out before the first."""

    @property
    def valued(self) -> bool:
        """Whether it asks for values, which must have been read then."""
        names = [*self.columns, *([self.sort.removeprefix("-")] if self.sort else [])]
        return bool(self.where) or any(name not in BUILTIN for name in names)


@dataclass(frozen=True, kw_only=True)
class ValuedRow:
    """A run and the values of the query's columns, None where it has none."""

    row: RunRow
    values: tuple[Scalar, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs that have one value in common."""

    value: Scalar
    runs: tuple[str, ...]
    """Ids."""
    columns: tuple[tuple[Scalar, ...], ...]
    """The values of each column of the query, run by run."""

    def numbers(self, place: int) -> list[float]:
        """The numbers of a column."""
        return [value for value in self.columns[place] if isinstance(value, float)]


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
    width = len(fields(RunRow))
    found = _ask(index, read, query, lambda database: _select(database, query, _ROW))
    settled = ((run_list.settled(row_of(one[:width]), state_of), one[width:]) for one in found)
    wanted = query.filter.state
    matching = [
        ValuedRow(row=row, values=tuple(map(run_values.cell, values)))
        for row, values in settled
        if row is not None and wanted in (None, row.state)
    ]
    # A list by state is cut here, because an open run may drop out when its state is computed.
    skipped = 0 if wanted is None else query.offset
    return matching[skipped:][: query.limit]


def groups(
    index: Index, read: Reader, state_of: Callable[[RunRow], str], query: Query, by: int
) -> list[Group]:
    """The runs of a query, grouped by one of its columns, in the order of the rows. Only the values
    are read of runs that have ended.

    Raises: as `rows`.
    """

    def question(database: sqlite3.Connection) -> tuple[list[Sequence[Any]], dict[str, RunRow]]:
        found = _select(database, query, "runs.id, runs.state")
        sql = f"SELECT {_ROW} FROM runs WHERE state = ?"  # noqa: S608  (our own column names)
        return found, {row[0]: row_of(row) for row in database.execute(sql, (OPEN,))}

    found, opened = _ask(index, read, query, question)
    wanted, members = query.filter.state, dict[Scalar, list[Sequence[Any]]]()
    for one in found:
        run_id, state = one[:2]
        if run_id in opened:
            row = run_list.settled(opened[run_id], state_of)
            if row is None:
                continue
            state = row.state
        if wanted in (None, state):
            members.setdefault(run_values.cell(one[2 + by]), []).append(one)
    return [_group(value, several) for value, several in members.items()]


def _group(value: Scalar, members: Sequence[Sequence[Any]]) -> Group:
    ids, _, *columns = zip(*members, strict=True)
    cells = tuple(tuple(map(run_values.cell, column)) for column in columns)
    return Group(value=value, runs=ids, columns=cells)


def count(index: Index, read: Reader, state_of: Callable[[RunRow], str], query: Query) -> int:
    """How many runs fulfil the query's conditions, whatever its limit; errors as `rows`."""

    def question(database: sqlite3.Connection) -> tuple[int, list[RunRow]]:
        where, values = _condition(database, query)
        recorded = f"SELECT count(*) FROM runs WHERE state != ? AND {where}"  # noqa: S608
        (number,) = database.execute(recorded, [OPEN, *values]).fetchone()
        unfinished = f"SELECT {_ROW} FROM runs WHERE state = ? AND {where}"  # noqa: S608
        return int(number), [row_of(one) for one in database.execute(unfinished, [OPEN, *values])]

    number, unfinished = _ask(index, read, query, question)
    wanted = query.filter.state
    now = (run_list.settled(row, state_of) for row in unfinished)
    return number + sum(row is not None and wanted in (None, row.state) for row in now)


def _ask(
    index: Index, read: Reader, query: Query, question: Callable[[sqlite3.Connection], T]
) -> T:
    configs = bool(query.filter.settings)
    if query.valued:
        return index.ask_values(read, question, configs=configs)
    return index.ask(question, configs=configs)


def _columns(database: sqlite3.Connection) -> Callable[[str], str]:
    """SQL for what a user calls a column."""
    known: list[tuple[int, str, str]] = []

    def column(name: str) -> str:
        if name in BUILTIN:
            return f"runs.{BUILTIN[name]}"
        if not known:
            known.extend(run_values.names(database))
        try:
            return run_values.column(run_values.keys_of(known, name))
        except LookupError as missing:
            raise UnknownColumn(name, missing.args or _near(known, name)) from None

    return column


def _condition(database: sqlite3.Connection, query: Query) -> tuple[str, list[Any]]:
    where, values = run_list.condition(query.filter)
    for text in query.where:
        more = parse(text, _columns(database))
        where, values = f"{where} AND {more.sql}", [*values, *more.values]
    return where, values


def _select(database: sqlite3.Connection, query: Query, head: str) -> list[Sequence[Any]]:
    """The named columns of `runs`, then the values of the query's columns."""
    column = _columns(database)
    where, values = _condition(database, query)
    order = NEWEST_FIRST
    if query.sort is not None:
        by = column(query.sort.removeprefix("-"))
        order = f"{by} {'DESC' if query.sort.startswith('-') else 'ASC'} NULLS LAST, {order}"
    chosen = "".join(f", {column(name)}" for name in query.columns)
    limit = -1 if query.limit is None else query.limit
    offset = query.offset
    if query.filter.state is not None and query.limit is not None:
        # An open run may drop out when its state is computed.
        spare = f"SELECT count(*) FROM runs WHERE state = ? AND {where}"  # noqa: S608
        limit += offset + int(database.execute(spare, [OPEN, *values]).fetchone()[0])
    if query.filter.state is not None:
        offset = 0
    sql = f"SELECT {head}{chosen} FROM runs WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
    return list(database.execute(sql, [*values, limit, offset]))


def _near(known: Sequence[tuple[int, str, str]], name: str) -> list[str]:
    import difflib

    every = sorted({known_name for _, _, known_name in known})
    return difflib.get_close_matches(name, every, n=3, cutoff=0.5)
