"""fsck, gc: looking after the stores."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli import render
from reprobox.cli.common import JSON, open_box, talk_of
from reprobox.cli.talk import human
from reprobox.kit.units import counted

OWN = Annotated[bool, typer.Option("--project", help="Only this project's store, not the shared one.")]
_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(fsck)
    app.command()(gc)


def fsck(context: typer.Context, project: OWN = False, as_json: JSON = False) -> None:
    """Read and hash what is stored, and name each damaged thing.

    Objects, records, streams, outputs, verdicts; commits and input trees of imported runs. Nothing is changed.

    Exit code, added up: 0 whole, 1 corrupted, 2 not vouched for by the log of records, 4 not readable.

    Example:  reprobox fsck --json
    """
    from reprobox.flow import care

    talk = talk_of(context)
    found = care.fsck(open_box(context), shared=not project)
    if as_json:
        talk.data([health.as_json() for health in found])
    else:
        rows = [(fault.kind, fault.what, fault.why) for health in found for fault in health.report.faults]
        if rows:
            render.table(talk, ("kind", "what", "why"), rows)
        for health in found:
            report = health.report
            parts = (counted(report.runs, "run"), counted(report.objects, "object"), counted(len(report.faults), "fault"))
            talk.note(f"{health.store}: {', '.join(parts)}")
    raise typer.Exit(care.code_of(found))


def gc(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it; without, only say what and how much.")] = False,
    forget: Annotated[bool, typer.Option("--forget-missing", help="Give up the needs of projects that are gone.")] = False,
    project: OWN = False,
    as_json: JSON = False,
) -> None:
    """Say what no run and no lock needs, and remove it with --yes.

    Safe beside running runs and builds: what is young, locked or mentioned stays.

    Example:  reprobox gc --yes
    """
    from reprobox.flow import care

    talk = talk_of(context)
    found = care.gc(open_box(context), yes=yes, forget=forget, shared=not project)
    if as_json:
        talk.data([item.as_json() for item in found])
        return
    rows = [(digest, size) for item in found for digest, size in item.plan.objects]
    rows += [(str(path), size) for item in found for path, size in item.plan.leftovers]
    largest = sorted(rows, key=lambda row: -row[1])
    if largest:
        render.table(talk, ("what", "size"), [(name, human(size)) for name, size in largest[:_SHOWN]], right=("size",))
    if len(rows) > _SHOWN:
        talk.line(f"and {len(rows) - _SHOWN} smaller")
    for item in found:
        count = len(item.plan.objects) + len(item.plan.leftovers)
        size = item.plan.size if item.freed is None else item.freed
        verb = "could go" if item.freed is None else "freed"
        talk.note(f"{item.store}: {human(size)} {verb} ({counted(count, 'thing')}), and {counted(item.plan.kept, 'object')} kept")
    if rows and not yes:
        talk.note("nothing was removed; next: reprobox gc --yes")
