"""`reprobox gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, OWN, open_context, talk_of
from reprobox.errors import UsageError
from reprobox.kit.units import counted, human, seconds_of
from reprobox.store import layout

_SHOWN = 20


def gc(
    ctx: typer.Context,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove it; without, only list it.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget-missing", help="Ignore registered projects that are not there."),
    ] = False,
    keep: Annotated[
        str,
        typer.Option(
            "--keep-removed", help="How long a removed run can be restored.", metavar="DURATION"
        ),
    ] = "30d",
    project: OWN = False,
    as_json: JSON = False,
) -> None:
    """List what no run and no lock needs, and remove it with --yes.

    Safe next to running runs and builds: what is young, locked or mentioned stays. Runs that
    `reprobox rm` removed are deleted after 30 days; --keep-removed 0 deletes them now.

    Example:  reprobox gc --yes
    """
    from reprobox.commands import gc as command

    talk = talk_of(ctx)
    try:
        seconds = seconds_of(keep)
    except ValueError as fault:
        raise UsageError(f"--keep-removed: {fault}") from fault
    found = command.gc(open_context(ctx), yes=yes, forget=forget, shared=not project, keep=seconds)
    if as_json:
        talk.data([item.as_json() for item in found])
        return
    rows = [(digest, size) for item in found for digest, size in item.plan.objects]
    rows += [(str(path), size) for item in found for path, size in item.plan.leftovers]
    rows += [
        (f"removed run {run_id}", size) for item in found for run_id, size in item.plan.removed
    ]
    largest = sorted(rows, key=lambda row: -row[1])
    if largest:
        tables.table(
            talk,
            ("what", "size"),
            [(name, human(size)) for name, size in largest[:_SHOWN]],
            right=("size",),
        )
    if len(rows) > _SHOWN:
        talk.line(f"and {len(rows) - _SHOWN} smaller")
    for item in found:
        plan = item.plan
        count = len(plan.objects) + len(plan.leftovers) + len(plan.removed)
        size = plan.size if item.freed is None else item.freed
        verb = "reclaimable" if item.freed is None else "freed"
        talk.note(
            f"{item.store}: {human(size)} {verb} ({counted(count, 'item')}), and "
            f"{counted(plan.kept, 'object')} kept"
        )
    for path in dict.fromkeys(path for item in found for path in item.plan.unreadable):
        talk.note(f"no object is reclaimed: {path} may not be read; {layout.whose(path)}")
    if rows and not yes:
        talk.note("nothing was removed; next: reprobox gc --yes")
