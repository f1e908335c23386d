"""ls, show, get, logs, diff: what has been recorded."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reprobox.cli import render, verdicts
from reprobox.cli.common import JSON, RUN, open_box, talk_of
from reprobox.cli.talk import human
from reprobox.kit.units import counted
from reprobox.store.state import Name as State

if TYPE_CHECKING:
    from reprobox.flow.statements import Confirmation
    from reprobox.model.record import Record


_MANY = 40
"""Outputs in a table; the rest are counted."""


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(name="ls")(list_runs)
    app.command()(show)
    app.command()(logs)
    app.command()(get)
    app.command()(diff)


def list_runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", help="So many, newest first; 0 for all.", min=0)] = 20,
    name: Annotated[str | None, typer.Option("--name", help="Only runs of this name.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only runs with this tag.")] = None,
    state: Annotated[State | None, typer.Option("--state", help="Only runs in this state.")] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only runs from then on: 2026-11-21, '2026-11-21 14:00' (UTC), 2d.", metavar="DATE"),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only runs up to then; a date with its day.", metavar="DATE")] = None,
    commit: Annotated[
        str | None, typer.Option("--commit", help="Only runs of this commit: how its name begins, or HEAD, a branch ...")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Only runs whose config has this value, as in lr=0.1; may be repeated.", metavar="KEY=VALUE"),
    ] = None,
    as_json: JSON = False,
) -> None:
    """List runs, newest first.

    Example:  reprobox ls --since 7d --where train.lr=0.1
    """
    from reprobox.flow import query

    talk = talk_of(context)
    box = open_box(context)
    wanted = query.Wanted(name=name, tag=tag, state=state, since=since, until=until, commit=commit, where=where or ())
    rows = query.list_runs(box, wanted, limit=limit or None)
    if as_json:
        talk.data(rows)
        return
    if not rows:
        talk.note("no runs yet; next: reprobox run config.yaml" if wanted == query.Wanted(where=()) else "no run is like that")
        return
    now = time.time()
    render.table(
        talk,
        ("run", "name", "state", "exit", "when", "took", "commit", "replay of"),
        [
            (
                row.id,
                row.name or "",
                row.state,
                "" if row.exit_code is None else str(row.exit_code),
                render.ago(now - row.created),
                render.took(row.duration),
                row.commit[:8],
                row.replay_of or "",
            )
            for row in rows
        ],
        right=("exit", "took"),
    )


def show(context: typer.Context, run: RUN = "latest", as_json: JSON = False) -> None:
    """Show one run.

    What was asked, what was met, what came out, and who has confirmed it.

    Example:  reprobox show latest --json
    """
    from reprobox.flow import query, statements

    talk, box = talk_of(context), open_box(context)
    found = query.show(box, run)
    signed = statements.confirmations(box, found.id, statements.allowed_signers(box)) if found.record else []
    if as_json:
        talk.data({**found.as_json(), "statements": [one.as_json() for one in signed]})
        return
    record = found.record
    if record is None:
        talk.line(f"{found.id}  {found.state}")
        return
    for label, value in (*_lines(record), *((f"replay {row.id}", row.result) for row in found.verdicts), *map(_signed, signed)):
        talk.line(f"{label:<10}  {value}")
    render.table(
        talk,
        ("output", "size", "sha256"),
        [(file.path, human(file.size), file.sha256.removeprefix("sha256:")[:16]) for file in found.outputs[:_MANY]],
        right=("size",),
    )
    if len(found.outputs) > _MANY:
        talk.line(f"... and {len(found.outputs) - _MANY:,} more (--json lists all)")


def _signed(one: Confirmation) -> tuple[str, str]:
    """A statement in one line; a signature that is nobody's we know is shown by its key, and as that."""
    who = ", ".join(one.who) if one.trusted else f"{', '.join(one.keys) or 'nobody'}, not verified"
    return ("made by" if one.kind == "made" else "confirmed"), f"{who}  {one.result}  {one.where}  {one.when}"


def _lines(record: Record) -> list[tuple[str, str]]:
    intent, asked, met = record.intent, record.intent.runspec, record.met
    cpu: dict[str, Any] = met.get("cpu") or {}
    gpus = ", ".join(str(gpu.get("name")) for gpu in met.get("gpus") or ()) or "none"
    return [
        ("run", "  ".join([record.id, *([intent.name] if intent.name else []), *(f"[{tag}]" for tag in intent.tags)])),
        *([("replay of", intent.replay_of)] if intent.replay_of else []),
        (
            "ended",
            f"{record.exit.reason}, exit {record.exit.code}, {render.lasted(record)}, at {render.when(record.finished)} UTC",
        ),
        *(("", line) for line in render.remarks(record)),
        ("identity", intent.identity),
        ("command", " ".join(asked.argv)),
        ("overrides", " ".join(intent.overrides) or "none"),
        ("commit", f"{asked.commit}{f' on {intent.source.branch}' if intent.source.branch else ''}"),
        ("author", intent.source.author or "unknown"),
        ("image", asked.image),
        ("lock", asked.lock),
        ("profile", f"{asked.profile}, seed {asked.seed}, {counted(asked.threads, 'thread')}"),
        *_loosened(record),
        ("inputs", ", ".join(f"{pin.path} ({human(pin.size)})" for pin in asked.inputs) or "none"),
        ("gpus", f"asked {asked.gpus or 'none'}, met {gpus}"),
        ("cpu", f"{cpu.get('model_name', 'unknown')}"),
        ("host", f"{intent.host.get('user', '')}@{intent.host.get('name', '')}, engine {intent.engine.get('version', 'unknown')}"),
    ]


def _loosened(record: Record) -> list[tuple[str, str]]:
    """In what the run was less isolated than by default."""
    from reprobox.flow import trust

    lines = list(trust.loosened(record.intent.runspec)) or ["nothing: hermetic"]
    return [("" if number else "loosened", line) for number, line in enumerate(lines)]


def get(
    context: typer.Context,
    run: RUN,
    to: Annotated[Path, typer.Option("--output", "-o", help="Where to; made if it is not there.", metavar="DIR")],
    patterns: Annotated[
        list[str] | None, typer.Argument(help="Only these outputs, as `outputs:` in a config means them.", metavar="[PATTERN ...]")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Copy outputs of a run out of the store.

    Each is held against its recorded hash while it is copied. Nothing that is there is replaced.

    Example:  reprobox get latest "*.pt" -o models
    """
    from reprobox.flow import take

    talk = talk_of(context)
    found = take.take(open_box(context), run, patterns or (), to)
    if as_json:
        talk.data(found)
        return
    for file in found.outputs:
        talk.line(str(to / file.path))
    talk.note(f"{counted(len(found.outputs), 'output')}, {human(sum(file.size for file in found.outputs))}, from {found.id}")


def logs(
    context: typer.Context,
    run: RUN = "latest",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="Only what it wrote to stderr.")] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Only what it wrote to stdout.")] = False,
    as_json: JSON = False,
) -> None:
    """Print what a run wrote.

    Byte for byte: its stdout on stdout, its stderr on stderr.

    Example:  reprobox logs -f latest
    """
    from reprobox.flow import query

    talk = talk_of(context)
    box = open_box(context)
    if as_json:
        talk.data(query.logs_json(box, run))
        return
    wanted = [name for name, asked in (("stdout", stdout), ("stderr", stderr)) if asked] or ["stdout", "stderr"]
    for name, chunk in query.logs(box, run, follow=follow):
        if name in wanted:
            target = sys.stdout.buffer if name == "stdout" else sys.stderr.buffer
            target.write(chunk)
            target.flush()


def diff(context: typer.Context, left: RUN, right: RUN, as_json: JSON = False) -> None:
    """Compare two runs.

    Exit code 0: every output is the same; 1: different; 60: it could not be told.

    Example:  reprobox diff latest~1 latest
    """
    from reprobox.flow import query

    talk = talk_of(context)
    found = query.diff(open_box(context), left, right)
    if as_json:
        talk.data(verdicts.as_json(found))
    else:
        verdicts.show(talk, found)
    raise typer.Exit(verdicts.exit_code(found))
