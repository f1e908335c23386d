"""`reprobox gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.messages import human
from reprobox.cli.options import JSON, OWN, open_context, talk_of
from reprobox.kit.units import counted

_SHOWN = 20


def gc(
    ctx: typer.Context,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove it; without, only say what and how much.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget-missing", help="Give up the needs of projects that are gone.")
    ] = False,
    project: OWN = False,
    as_json: JSON = False,
) -> None:
    """Say what no run and no lock needs, and remove it with --yes.

    Safe beside running runs and builds: what is young, locked or mentioned stays.

    Example:  reprobox gc --yes
    """
    from reprobox.commands import gc as command

    talk = talk_of(ctx)
    found = command.gc(open_context(ctx), yes=yes, forget=forget, shared=not project)
    if as_json:
        talk.data([item.as_json() for item in found])
        return
    rows = [(digest, size) for item in found for digest, size in item.plan.objects]
    rows += [(str(path), size) for item in found for path, size in item.plan.leftovers]
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
        count = len(item.plan.objects) + len(item.plan.leftovers)
        size = item.plan.size if item.freed is None else item.freed
        verb = "could go" if item.freed is None else "freed"
        talk.note(
            f"{item.store}: {human(size)} {verb} ({counted(count, 'thing')}), and "
            f"{counted(item.plan.kept, 'object')} kept"
        )
    if rows and not yes:
        talk.note("nothing was removed; next: reprobox gc --yes")
