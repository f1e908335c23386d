"""`reprobox fsck`."""

from __future__ import annotations

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, OWN, open_context, talk_of
from reprobox.kit.units import counted


def fsck(ctx: typer.Context, project: OWN = False, as_json: JSON = False) -> None:
    """Read and hash what is stored, and name each damaged thing.

    Objects, records, streams, outputs, verdicts; commits and input trees of imported runs. Nothing
    is changed.

    Exit code, added up: 0 whole, 1 corrupted, 2 not vouched for by the log of records, 4 not
        readable.

    Example:  reprobox fsck --json
    """
    from reprobox.commands import fsck as command

    talk = talk_of(ctx)
    found = command.fsck(open_context(ctx), shared=not project)
    if as_json:
        talk.data([health.as_json() for health in found])
    else:
        rows = [
            (fault.kind, fault.what, fault.why)
            for health in found
            for fault in health.report.faults
        ]
        if rows:
            tables.table(talk, ("kind", "what", "why"), rows)
        for health in found:
            report = health.report
            parts = (
                counted(report.runs, "run"),
                counted(report.objects, "object"),
                counted(len(report.faults), "fault"),
            )
            talk.note(f"{health.store}: {', '.join(parts)}")
    raise typer.Exit(command.code_of(found))
