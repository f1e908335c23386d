"""`reprobox ls`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, open_context, talk_of
from reprobox.store.run_state import Name as State

if TYPE_CHECKING:
    from reprobox.cli.messages import Talk
    from reprobox.commands.ls import Wanted
    from reprobox.kit.spread import Spread
    from reprobox.store.run_table import Group, ValuedRow
    from reprobox.views.run_list import Column

_COLORS = {
    "state": {"failed": "31", "lost": "31", "damaged": "31", "interrupted": "33", "timeout": "31"}
    | {"running": "36", "queued": "36", "unknown-here": "33"}
}
"""Colours of cells by column and text."""


def list_runs(
    ctx: typer.Context,
    limit: Annotated[
        int, typer.Option("--limit", "-n", help="Maximum number of runs (0: all).", min=0)
    ] = 20,
    name: Annotated[str | None, typer.Option("--name", help="Only runs of this name.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only runs with this tag.")] = None,
    state: Annotated[State | None, typer.Option("--state", help="Only runs in this state.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            help="Only runs from then on: 2026-11-21, '2026-11-21 14:00' (UTC), 2d.",
            metavar="DATE",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Only runs up to then; a date with its day.", metavar="DATE"),
    ] = None,
    commit: Annotated[
        str | None,
        typer.Option(
            "--commit", help="Only runs of this commit: how its name begins, or HEAD, a branch ..."
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            help="Only runs whose config has a value (lr=0.1), or whose values fulfil a condition "
            "('accuracy>0.9 and lr<1e-2'); may be repeated.",
            metavar="CONDITION",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            "-c",
            help="Values to show: metrics, parameters, config keys. Remembered for the next `ls` "
            "of this project; '' shows none again.",
            metavar="A,B",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", help="A value to sort by; -accuracy: the largest first."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            help="One row for each value of this column (identity, commit, a config key): mean and "
            "standard deviation of the other columns.",
        ),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="List the values that runs have, by name.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values.")] = False,
    as_json: JSON = False,
) -> None:
    """List runs, newest first.

    Example:  reprobox ls --columns lr,accuracy --sort -accuracy --where 'accuracy>0.9'
    """
    from reprobox.commands import ls

    talk, context = talk_of(ctx), open_context(ctx)
    if names:
        _names(talk, ls.value_names(context), as_json)
        return
    chosen = _split(columns) if columns is not None else list(ls.remembered(context))
    extra = [group] if group and group not in chosen else []
    wanted = ls.Wanted(
        name=name,
        tag=tag,
        state=state,
        since=since,
        until=until,
        commit=commit,
        where=tuple(where or ()),
        columns=(*chosen, *extra),
        sort=sort,
    )
    found: list[ValuedRow] | list[Group]
    if group:
        found = ls.list_groups(context, wanted, wanted.columns.index(group))
    else:
        found = ls.list_runs(context, wanted, limit=limit or None)
    if columns is not None:
        ls.remember(context, chosen)
    if not found and not as_json and not as_csv:
        talk.note(
            "no runs yet; next: reprobox run config.yaml"
            if wanted.all
            else "no runs match these filters"
        )
        return
    shown = _Groups(wanted, group) if group else _Rows(wanted)
    if as_json:
        talk.data(shown.data(found))
    elif as_csv:
        shown.csv(found)
    else:
        from reprobox.views import run_list

        tables.fitted(talk, run_list.fitted(shown.table(found), tables.width()), _COLORS)


def _split(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


class _Rows:
    """A row for each run."""

    _EVERY = ("id", "name", "state", "exit_code", "created", "duration", "commit", "replay_of")

    def __init__(self, wanted: Wanted) -> None:
        self._columns = wanted.columns

    def table(self, rows: Sequence[Any]) -> list[Column]:
        from reprobox.views import run_list

        return run_list.columns(rows, self._columns, time.time())

    def data(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        return [self._datum(item) for item in rows]

    def _datum(self, item: ValuedRow) -> dict[str, Any]:
        data: dict[str, Any] = {**asdict(item.row), "tags": list(item.row.tags)}
        if self._columns:
            data["values"] = dict(zip(self._columns, item.values, strict=True))
        return data

    def csv(self, rows: Sequence[Any]) -> None:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([*self._EVERY, *self._columns])
        for item in rows:
            writer.writerow([*(getattr(item.row, name) for name in self._EVERY), *item.values])


class _Groups:
    """A row for each group, with the spread of its numbers."""

    def __init__(self, wanted: Wanted, group: str) -> None:
        self._columns, self._group = wanted.columns, group

    def table(self, groups: Sequence[Any]) -> list[Column]:
        from reprobox.views import run_list

        return run_list.group_columns(groups, self._columns, self._group)

    def data(self, groups: Sequence[Any]) -> list[dict[str, Any]]:
        return [
            {"group": one.value, "runs": list(one.runs), "values": dict(self._spreads(one))}
            for one in groups
        ]

    def csv(self, groups: Sequence[Any]) -> None:
        import csv

        names = [name for name in self._columns if name != self._group]
        writer = csv.writer(sys.stdout, lineterminator="\n")
        measures = ("mean", "sd")
        writer.writerow([self._group, "runs", *(f"{n} {m}" for n in names for m in measures)])
        for one in groups:
            spreads = [found for _, found in self._spreads(one)]
            numbers = [getattr(found, measure, None) for found in spreads for measure in measures]
            writer.writerow([one.value, len(one.runs), *numbers])

    def _spreads(self, one: Group) -> Iterator[tuple[str, Spread | None]]:
        from reprobox.kit.spread import spread

        for place, name in enumerate(self._columns):
            if name != self._group:
                yield name, spread(one.numbers(place))


def _names(talk: Talk, found: Sequence[tuple[str, str, int]], as_json: bool) -> None:
    if as_json:
        talk.data([{"kind": kind, "name": name, "runs": runs} for kind, name, runs in found])
        return
    rows = [(name, kind, str(runs)) for kind, name, runs in found]
    tables.table(talk, ("name", "kind", "runs"), rows, right=("runs",))
