"""`reprobox ls`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, open_context, talk_of
from reprobox.store.run_state import Name as State


def list_runs(
    ctx: typer.Context,
    limit: Annotated[
        int, typer.Option("--limit", "-n", help="So many, newest first; 0 for all.", min=0)
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
            help="Only runs whose config has this value, as in lr=0.1; may be repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    as_json: JSON = False,
) -> None:
    """List runs, newest first.

    Example:  reprobox ls --since 7d --where train.lr=0.1
    """
    from reprobox.commands import ls

    talk = talk_of(ctx)
    context = open_context(ctx)
    wanted = ls.Wanted(
        name=name, tag=tag, state=state, since=since, until=until, commit=commit, where=where or ()
    )
    rows = ls.list_runs(context, wanted, limit=limit or None)
    if as_json:
        talk.data(rows)
        return
    if not rows:
        talk.note(
            "no runs yet; next: reprobox run config.yaml"
            if wanted == ls.Wanted(where=())
            else "no run is like that"
        )
        return
    now = time.time()
    tables.table(
        talk,
        ("run", "name", "state", "exit", "when", "took", "commit", "replay of"),
        [
            (
                row.id,
                row.name or "",
                row.state,
                "" if row.exit_code is None else str(row.exit_code),
                tables.ago(now - row.created),
                tables.took(row.duration),
                row.commit[:8],
                row.replay_of or "",
            )
            for row in rows
        ],
        right=("exit", "took"),
    )
