"""ls: runs, newest first, filtered. Runs that were left unfinished are completed first
(executor/reconcile).
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypedDict

from reprobox.commands.shared.read_values import reader
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.executor import reconcile
from reprobox.kit import files, units
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.model.record import Intent
from reprobox.store.config_index import Setting
from reprobox.store.run_expression import BadExpression
from reprobox.store.run_list import Filter
from reprobox.store.run_state import Containers, Elsewhere, RunState
from reprobox.store.run_table import Group, Query, UnknownColumn, ValuedRow

_CONDITION = regex(r"[<>!]|==|[()]|\s(and|or)\s|^\s*not\s")
"""A condition on values; anything else is `key=value` on the config."""
_COLUMNS = "columns.json"


class _States(TypedDict):
    """How the state of a run without a record is found out; None where the engine is away."""

    containers: Containers | None
    elsewhere: Elsewhere | None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which runs are to be listed, as people say it."""

    name: str | None = None
    tag: str | None = None
    state: str | None = None
    since: str | None = None
    until: str | None = None
    commit: str | None = None
    where: Sequence[str] = ()
    """`key=value` on the config, or a condition on values such as `accuracy>0.9 and lr<1e-2`."""
    columns: Sequence[str] = ()
    """Values to show next to each run."""
    sort: str | None = None
    """A column, the largest first with `-` before it; None: newest first."""

    @property
    def all(self) -> bool:
        """Whether nothing was asked of a run, so that every run is listed."""
        return replace(self, columns=(), sort=None) == Wanted()


def list_runs(context: Context, wanted: Wanted, *, limit: int | None) -> list[ValuedRow]:
    """Runs with the values of the wanted columns, newest first or as sorted.

    Raises:
        UsageError: a date, setting, condition or column makes no sense.
        SourceError: git knows no such commit.
    """
    query = _query(context, wanted, limit)
    with context.runs.index.session():
        states = _states(context)
        if not (query.where or wanted.columns or wanted.sort):
            rows = context.runs.list(**vars(query.filter), limit=limit, **states)
            return [ValuedRow(row=row, values=()) for row in rows]
        with _explained():
            return list(context.runs.table(query, reader(context), **states))


def list_groups(context: Context, wanted: Wanted, by: int) -> list[Group]:
    """Runs grouped by the column with this number, in the order of `list_runs`; errors as there."""
    query = _query(context, wanted, None)
    with context.runs.index.session(), _explained():
        states = _states(context)
        return list(context.runs.groups(query, reader(context), by, **states))


@dataclass(frozen=True, kw_only=True)
class Page:
    """A part of a list of runs."""

    rows: tuple[ValuedRow, ...]
    total: int
    """How many runs the whole list has."""


def page(context: Context, wanted: Wanted, *, limit: int, offset: int) -> Page:
    """A part of the list, cut in the index, and how long the whole is; errors as `list_runs`."""
    query = replace(_query(context, wanted, limit), offset=offset)
    with context.runs.index.session(), _explained():
        states = _states(context)
        rows = context.runs.table(query, reader(context), **states)
        total = context.runs.count(query, reader(context), **states)
        return Page(rows=tuple(rows), total=total)


def _query(context: Context, wanted: Wanted, limit: int | None) -> Query:
    conditions = [text for text in wanted.where if _CONDITION.search(text)]
    chosen = Filter(
        name=wanted.name,
        tag=wanted.tag,
        state=wanted.state,
        since=_moment(context, wanted.since, 0),
        until=_moment(context, wanted.until, 1),
        commit=_commit(context, wanted.commit),
        settings=tuple(_setting(text) for text in wanted.where if text not in conditions),
    )
    return Query(
        filter=chosen, where=conditions, columns=wanted.columns, sort=wanted.sort, limit=limit
    )


def _states(context: Context) -> _States:
    """Finishes what can be finished, and how the state of the others is found out."""
    answers = reconcile.settle(context)
    return {
        "containers": reconcile.container_state(context) if answers else None,
        "elsewhere": _elsewhere(context) if answers else None,
    }


def _elsewhere(context: Context) -> Elsewhere:
    """As that of `scheduled_runs`, imported for the first run that has no record: most lists have
    none.
    """
    made: list[Elsewhere] = []

    def answer(intent: Intent) -> str | RunState | None:
        if not made:
            from reprobox.executor import scheduled_runs

            made.append(scheduled_runs.elsewhere(context))
        return made[0](intent)

    return answer


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Raises what is wrong with a condition or a column as UsageError."""
    try:
        yield
    except UnknownColumn as fault:
        raise _unknown(fault) from fault
    except BadExpression as fault:
        raise UsageError(str(fault), next_step="reprobox ls --where 'accuracy>0.9'") from fault


def _unknown(fault: UnknownColumn) -> UsageError:
    several = [name for name in fault.near if name.endswith((f".{fault.name}", f"/{fault.name}"))]
    if len(several) > 1:
        return UsageError(
            f"several values are called {fault.name!r}",
            why=", ".join(several),
            next_step=f"reprobox ls --columns {shlex.quote(several[0])}",
        )
    near = f"did you mean {', '.join(fault.near)}?" if fault.near else ""
    return UsageError(
        f"no run has a value called {fault.name!r}", why=near, next_step="reprobox ls --names"
    )


def value_names(context: Context) -> Sequence[tuple[str, str, int]]:
    """Every value that runs have: its kind, its name, and how many runs have it."""
    reconcile.settle(context)
    return context.runs.value_names(reader(context))


def remembered(context: Context) -> tuple[str, ...]:
    """The columns that `ls` showed last in this project."""
    try:
        found = json.loads((context.runs.root / _COLUMNS).read_bytes())
    except (OSError, ValueError):
        return ()
    return tuple(map(str, found)) if isinstance(found, list) else ()


def remember(context: Context, columns: Sequence[str]) -> None:
    """Keeps the columns for the next `ls`; where the store cannot be written, they are not kept."""
    with contextlib.suppress(OSError):
        if context.runs.root.is_dir():
            files.replace(context.runs.root / _COLUMNS, json.dumps(list(columns)).encode())


def _moment(context: Context, text: str | None, end: int) -> float | None:
    try:
        return units.moments_of(text, context.clock())[end] if text is not None else None
    except (ValueError, OverflowError) as error:
        raise UsageError(str(error), next_step="reprobox ls --help") from error


def _commit(context: Context, text: str | None) -> str | None:
    """Some digits of a commit's name are a prefix; all else is for git to say."""
    if text is None or re.fullmatch(r"[0-9a-f]{4,64}", text.lower()):
        return text and text.lower()
    from reprobox.source.repo import resolve

    return resolve(context.repo, text)


def _setting(text: str) -> Setting:
    from reprobox.config.load import recordable
    from reprobox.config.overrides import pair

    key, value, raw = pair(text)
    return Setting(key=key, values=(recordable({"": value})[""], raw))
