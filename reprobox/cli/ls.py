"""`reprobox ls`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, open_context, talk_of
from reprobox.store.run_state import Name as State

if TYPE_CHECKING:
    from reprobox.cli.messages import Talk
    from reprobox.commands.ls import Wanted
    from reprobox.store.run_table import ValuedRow

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
    rows = ls.list_runs(context, wanted, limit=None if group else limit or None)
    if columns is not None:
        ls.remember(context, chosen)
    if as_json:
        data = _groups(rows, wanted, group) if group else [_as_data(row, wanted) for row in rows]
        talk.data(data)
    elif as_csv:
        _csv(rows, wanted)
    elif not rows:
        talk.note(
            "no runs yet; next: reprobox run config.yaml"
            if wanted.all
            else "no runs match these filters"
        )
    else:
        _show(talk, rows, wanted, group)


def _split(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _show(talk: Talk, rows: list[ValuedRow], wanted: Wanted, group: str | None) -> None:
    from reprobox.views import run_list

    if group:
        groups = run_list.grouped(rows, wanted.columns.index(group))
        table = run_list.group_columns(groups, wanted.columns, group)
    else:
        table = run_list.columns(rows, wanted.columns, time.time())
    tables.fitted(talk, run_list.fitted(table, tables.width()), _COLORS)


def _as_data(item: ValuedRow, wanted: Wanted) -> dict[str, Any]:
    data: dict[str, Any] = {**asdict(item.row), "tags": list(item.row.tags)}
    if wanted.columns:
        data["values"] = dict(zip(wanted.columns, item.values, strict=True))
    return data


def _groups(rows: list[ValuedRow], wanted: Wanted, group: str) -> list[dict[str, Any]]:
    from reprobox.kit.spread import spread
    from reprobox.views import run_list

    found = []
    for one in run_list.grouped(rows, wanted.columns.index(group)):
        values = {
            name: spread(one.numbers(place))
            for place, name in enumerate(wanted.columns)
            if name != group
        }
        runs = [item.row.id for item in one.runs]
        found.append({"group": one.value, "runs": runs, "values": values})
    return found


def _csv(rows: list[ValuedRow], wanted: Wanted) -> None:
    import csv

    every = ("id", "name", "state", "exit_code", "created", "duration", "commit", "replay_of")
    writer = csv.writer(sys.stdout)
    writer.writerow([*every, *wanted.columns])
    writer.writerows([*(getattr(item.row, name) for name in every), *item.values] for item in rows)


def _names(talk: Talk, found: Sequence[tuple[str, str, int]], as_json: bool) -> None:
    if as_json:
        talk.data([{"kind": kind, "name": name, "runs": runs} for kind, name, runs in found])
        return
    rows = [(name, kind, str(runs)) for kind, name, runs in found]
    tables.table(talk, ("name", "kind", "runs"), rows, right=("runs",))
