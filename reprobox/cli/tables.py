"""Values for people. rich is imported when a table is drawn, not before."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprobox.cli.messages import Talk, human
from reprobox.kit.text import shortened, shown
from reprobox.kit.units import counted

if TYPE_CHECKING:
    from reprobox.context import Context
    from reprobox.model.record import Record

_MANY = 10
"""Remarks of a kind; the rest are counted."""
_UNWATCHED = 1000
"""Columns where stdout is no terminal: nothing is folded for a program that reads it."""


class Painted(str):
    """Text of our own with its colours."""


def table(
    talk: Talk,
    columns: Sequence[str],
    rows: Iterable[Sequence[str | tuple[str, ...]]],
    right: Sequence[str] = (),
) -> None:
    """A borderless table on stdout. A cell is one line whatever is in it; a tuple is several."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold" if talk.color else "")
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(
            *(
                Text.from_ansi(cell) if isinstance(cell, Painted) else Text(_cell(cell))
                for cell in row
            )
        )
    watched = sys.stdout.isatty()
    console = Console(
        no_color=not talk.color, highlight=False, width=None if watched else _UNWATCHED
    )
    with console.capture() as caught:
        console.print(drawn)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in caught.get().splitlines())


def _cell(cell: str | tuple[str, ...]) -> str:
    return "\n".join(
        shortened(shown(line)) for line in (cell if isinstance(cell, tuple) else (cell,))
    )


def ago(seconds: float) -> str:
    """How long ago, for people."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"


def took(seconds: float | None) -> str:
    """How long a run took; nothing while it goes."""
    from reprobox.model.record import UNKNOWN

    return "" if seconds is None else "unknown" if seconds == UNKNOWN else f"{seconds:.1f} s"


def lasted(record: Record) -> str:
    """`after 1.5 s`."""
    from reprobox.model.record import UNKNOWN

    return (
        "after an unknown time" if record.duration == UNKNOWN else f"after {took(record.duration)}"
    )


def run_summary(context: Context, record: Record) -> dict[str, Any]:
    """The record, and where the run is."""
    return {"id": record.id, "path": str(context.runs.path(record.id)), "record": record}


def after_run(talk: Talk, context: Context, record: Record) -> None:
    """A line of talk when a run has ended, and what is remarkable about it."""
    ended = record.exit
    how = (
        f"exit {ended.code}" if ended.reason == "exited" else f"{ended.reason} (exit {ended.code})"
    )
    outputs = f"{counted(record.outputs.files, 'output')}, {human(record.outputs.size)}"
    path = context.runs.path(record.id)
    here = Path.cwd()
    place = path.relative_to(here) if path.is_relative_to(here) else path
    talk.note(f"{record.id}  {how} {lasted(record)}  {outputs}  in {place}/outputs")
    for line in remarks(record):
        talk.note(line)


def remarks(record: Record) -> Iterator[str]:
    """What whoever looks at a run should not miss."""
    from reprobox.commands.shared import forecast

    if record.exit.message:
        yield record.exit.message
    yield from _out_of_memory(record)
    refused = record.outputs.refused
    yield from (f"not collected: {shortened(path)}" for path in refused[:_MANY])
    if len(refused) > _MANY:
        yield f"and {len(refused) - _MANY:,} more were not collected (--json names all)"
    yield from forecast.outside(record)[:_MANY]


def _out_of_memory(record: Record) -> Iterator[str]:
    """A program may go on without a process that was killed, and end well with less than it meant
    to do.
    """
    kills, limit = record.met.get("oom_kills") or 0, record.intent.runspec.resources.memory
    if kills and record.exit.reason != "oom":
        told = f"its memory limit is {limit}" if limit else "the machine had no more"
        yield f"out of memory: the kernel killed {counted(kills, 'process', 'processes')} of the run ({told})"


def when(seconds: float) -> str:
    """A UTC time, for people and for sorting; what no calendar has is told in seconds."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g} s after 1970"
