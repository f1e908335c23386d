"""`reprobox rm`."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.messages import Talk
from reprobox.cli.options import JSON, open_context, run_ids, talk_of
from reprobox.errors import UsageError
from reprobox.kit.units import counted, human

if TYPE_CHECKING:
    from reprobox.commands.rm import Candidate
    from reprobox.context import Context


def remove(
    ctx: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Runs.", metavar="RUN...", autocompletion=run_ids),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", "-f", "--yes", "-y", help="Remove also runs whose outputs others need."
        ),
    ] = False,
    abandon: Annotated[
        bool,
        typer.Option(
            "--abandon",
            help="Remove also runs without a record whose host or engine is gone for good.",
        ),
    ] = False,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be removed.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Bring removed runs back.")] = False,
    trash: Annotated[bool, typer.Option("--trash", help="List the removed runs.")] = False,
    as_json: JSON = False,
) -> None:
    """Remove runs with their outputs.

    A removed run can be brought back with --undo until `reprobox gc --yes` deletes it, after 30
    days.

    A run that is running is refused, and so is one whose outputs are an input of another run:
    on a terminal you are asked, elsewhere --force removes it. Nothing is removed when one of the
    runs is refused.

    Example:  reprobox rm 20261120-153012-brave-otter-3f9c
    """
    from reprobox.commands import rm

    talk, context = talk_of(ctx), open_context(ctx)
    if trash:
        _list(talk, context, as_json=as_json)
        return
    if not runs:
        raise UsageError(
            "no run was named",
            next_step="reprobox rm --trash" if undo else "reprobox ls",
        )
    if undo:
        done = []
        for run_id in rm.undo(context, runs):
            talk.note(f"restored {run_id}")
            done.append(run_id)
        if as_json:
            talk.data({"restored": done})
        return
    candidates = rm.plan(context, runs, abandon=abandon)
    if not dry and not force and not _asked(talk, candidates, as_json=as_json):
        rm.refuse_needed(candidates)
    gone = [] if dry else _remove(talk, context, candidates)
    if as_json:
        rows = [{**dataclasses.asdict(one), "removed": one.id in gone} for one in candidates]
        talk.data({"runs": rows})
    elif dry:
        _show(talk, candidates)


def _asked(talk: Talk, candidates: Sequence[Candidate], *, as_json: bool) -> bool:
    """Whether the user, on a terminal, agreed to remove what other runs need."""
    from reprobox.commands.rm import readers_text

    readers = [reader for one in candidates for reader in one.readers]
    if not readers or as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    for line in readers_text(readers).split("\n"):
        talk.note(line)
    return typer.confirm("Other runs need this. Remove anyway?", err=True)


def _remove(talk: Talk, context: Context, candidates: Sequence[Candidate]) -> list[str]:
    from reprobox.commands import rm

    gone, restorable = [], {one.id for one in candidates if one.can_be_restored}
    for run_id in rm.remove(context, candidates):
        talk.note(
            f"removed {run_id}; undo: reprobox rm --undo {run_id}"
            if run_id in restorable
            else f"removed {run_id}, which had no record, for good"
        )
        gone.append(run_id)
    return gone


def _show(talk: Talk, candidates: Sequence[Candidate]) -> None:
    tables.table(
        talk,
        ("run", "size", "replays", "needed by"),
        [
            (
                one.id,
                human(one.size),
                str(len(one.replays)),
                ", ".join(dict.fromkeys(reader.id for reader in one.readers)),
            )
            for one in candidates
        ],
        right=("size", "replays"),
    )
    talk.note(f"{counted(len(candidates), 'run')} would be removed; nothing was")


def _list(talk: Talk, context: Context, *, as_json: bool) -> None:
    from reprobox.commands import rm

    found = rm.removed(context)
    if as_json:
        talk.data([dataclasses.asdict(one) for one in found])
        return
    rows = [
        (
            one.id,
            one.name or "",
            datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%d %H:%M"),
            human(one.size),
        )
        for one in found
    ]
    if rows:
        tables.table(talk, ("run", "name", "removed (UTC)", "size"), rows, right=("size",))
    talk.note(
        f"{counted(len(rows), 'removed run')}"
        + ("; reprobox rm --undo RUN brings one back" if rows else "")
    )
