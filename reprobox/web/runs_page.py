"""All runs: columns, filter, sort, groups; each part of the list is cut in the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reprobox.commands import ls
from reprobox.commands.shared.read_values import reader
from reprobox.context import Context
from reprobox.model.record import UNKNOWN
from reprobox.store.run_table import ValuedRow
from reprobox.store.run_values import Scalar
from reprobox.views import run_list
from reprobox.web.asked import Asked, Page

SIZE = 50
"""Runs of one page."""
_OFFERED = 4
"""Metrics that are shown where no columns were chosen."""
_FIELDS = ("where", "name", "tag", "state", "since", "until", "commit", "columns", "sort", "group")
_SORTED = {"run": "created", "state": "state", "took": "took", "exit": "exit"}
"""Built-in columns that can be sorted by, and what they are called in a query."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """A column's head."""

    name: str
    title: str
    address: str
    """Where the list is sorted by it; sorted so already, the other way round."""
    order: str
    """`ascending`, `descending` or `none`, as in `aria-sort`."""
    right: bool = False


def page(asked: Asked) -> Page:
    """The list that a query means."""
    wanted = _wanted(asked)
    facts: dict[str, Any] = {
        "given": {name: asked.one(name) for name in _FIELDS},
        "waiting": False,
        "now": asked.context.clock(),
    }
    if not asked.values_read and (wanted.where or wanted.columns or wanted.sort):
        return Page(
            title="Runs", template="runs.html", facts={**facts, "waiting": True}, tab="runs"
        )
    if group := asked.one("group"):
        return _grouped(asked, wanted, group, facts)
    number = asked.number("page")
    found = ls.page(asked.context, wanted, limit=SIZE, offset=(number - 1) * SIZE)
    if "columns" not in asked.query and not wanted.columns and asked.values_read:
        wanted, found = _with_metrics(asked.context, wanted, found)
    facts |= {
        "heads": _heads(asked, wanted.columns, found.rows),
        "rows": [_row(item, wanted.columns) for item in found.rows],
        "total": found.total,
        "pages": _pages(asked, number, found.total),
        "first": (number - 1) * SIZE + 1,
        "group": None,
    }
    facts["given"] = {**facts["given"], "columns": ", ".join(wanted.columns)}
    return Page(title="Runs", template="runs.html", facts=facts, tab="runs")


def _wanted(asked: Asked) -> ls.Wanted:
    columns = asked.one("columns")
    chosen = [word.strip() for word in columns.split(",") if word.strip()]
    if "columns" not in asked.query:
        chosen = list(ls.remembered(asked.context))
    return ls.Wanted(
        name=asked.one("name") or None,
        tag=asked.one("tag") or None,
        state=asked.one("state") or None,
        since=asked.one("since") or None,
        until=asked.one("until") or None,
        commit=asked.one("commit") or None,
        where=tuple(asked.all("where")),
        columns=tuple(dict.fromkeys(chosen)),
        sort=asked.one("sort") or None,
    )


def _with_metrics(context: Context, wanted: ls.Wanted, found: ls.Page) -> tuple[ls.Wanted, ls.Page]:
    """The same rows with the metrics that most of them have."""
    ids = [item.row.id for item in found.rows]
    names = tuple(context.runs.metrics_of(ids, reader(context))[:_OFFERED])
    by_run = context.runs.values_of(ids, names, reader(context))
    rows = tuple(ValuedRow(row=item.row, values=by_run[item.row.id]) for item in found.rows)
    return _replaced(wanted, names), ls.Page(rows=rows, total=found.total)


def _replaced(wanted: ls.Wanted, columns: tuple[str, ...]) -> ls.Wanted:
    return ls.Wanted(**{**vars(wanted), "columns": columns})


def _row(item: ValuedRow, columns: Sequence[str]) -> Mapping[str, Any]:
    row = item.row
    return {
        "row": row,
        "commit": run_list.commit(row),
        "took": run_list.took(row.duration),
        "values": [
            (run_list.value_text(value, name), isinstance(value, float))
            for value, name in zip(item.values, columns, strict=True)
        ],
        "unknown": row.duration == UNKNOWN,
    }


def _heads(asked: Asked, columns: Sequence[str], rows: Sequence[ValuedRow]) -> list[Head]:
    built = [
        _head(asked, _SORTED.get(title, title), title, right=title in ("exit", "took"))
        for title in ("run", "state", "exit", "took", "commit", "replay of")
    ]
    return [
        *built,
        *(
            _head(asked, name, name, right=any(_is_number(item.values, at) for item in rows))
            for at, name in enumerate(columns)
        ),
    ]


def _is_number(values: Sequence[Scalar], at: int) -> bool:
    return isinstance(values[at], float)


def _head(asked: Asked, name: str, title: str, *, right: bool) -> Head:
    if title in ("commit", "replay of"):
        return Head(name=name, title=title, address="", order="none")
    sort = asked.one("sort")
    order = {name: "ascending", f"-{name}": "descending"}.get(sort, "none")
    other = name if order == "descending" else f"-{name}"
    return Head(
        name=name,
        title=title,
        address=asked.links.page("runs", **_query(asked, sort=other)),
        order=order,
        right=right,
    )


def _query(asked: Asked, **changes: str) -> dict[str, Any]:
    kept = {name: asked.all(name) for name in _FIELDS if asked.all(name)}
    return {**kept, **changes}


def _pages(asked: Asked, number: int, total: int) -> Mapping[str, Any]:
    last = max(1, -(-total // SIZE))

    def address(to: int) -> str:
        inside = 1 <= to <= last
        return asked.links.page("runs", **_query(asked, page=str(to))) if inside else ""

    steps = {"first": 1, "previous": number - 1, "next": number + 1, "last": last}
    return {
        "number": number,
        "last": last,
        "steps": [(name, address(to) if to != number else "") for name, to in steps.items()],
    }


def _grouped(asked: Asked, wanted: ls.Wanted, group: str, facts: dict[str, Any]) -> Page:
    """A row for each value of a column, with mean and spread of the others."""
    columns = tuple(dict.fromkeys((*wanted.columns, group)))
    groups = ls.list_groups(asked.context, _replaced(wanted, columns), columns.index(group))
    table = run_list.group_columns(groups[: 4 * SIZE], columns, group)
    facts |= {
        "group": table,
        "total": sum(len(one.runs) for one in groups),
        "groups": len(groups),
        "cut": len(groups) > 4 * SIZE,
    }
    return Page(title="Runs in groups", template="runs.html", facts=facts, tab="runs")
