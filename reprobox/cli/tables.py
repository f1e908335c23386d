"""Values for people. rich is imported when a table is drawn, not before."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprobox.cli.messages import Talk, human
from reprobox.kit.text import shortened, shown
from reprobox.kit.units import counted

if TYPE_CHECKING:
    from reprobox.context import Context
    from reprobox.model.record import Record
    from reprobox.views.run_list import Column

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


def width() -> int | None:
    """Columns of the terminal; None where stdout is not one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def fitted(talk: Talk, columns: Sequence[Column], colors: Mapping[str, Mapping[str, str]]) -> None:
    """A table whose columns fit already: nothing is folded. rich is not needed for it.

    Args:
        colors: column title -> cell text -> ANSI colour.
    """
    widths = [column.width for column in columns]
    lines: list[list[str]] = [[column.title for column in columns]]
    lines += [list(cells) for cells in zip(*(column.cells for column in columns), strict=True)]
    for number, line in enumerate(lines):
        parts = []
        for column, cell, wide in zip(columns, line, widths, strict=True):
            text = shown(cell)
            padded = text.rjust(wide) if column.right else text.ljust(wide)
            code = "1" if number == 0 else colors.get(column.title, {}).get(cell)
            parts.append(f"\033[{code}m{padded}\033[0m" if code and talk.color else padded)
        talk.line("  ".join(parts).rstrip(), trusted=True)


def _cell(cell: str | tuple[str, ...]) -> str:
    return "\n".join(
        shortened(shown(line)) for line in (cell if isinstance(cell, tuple) else (cell,))
    )


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


def ended(record: Record) -> str:
    """How a run ended, in one line."""
    from reprobox.store import run_state

    state = run_state.name_of(record.exit.code, record.exit.reason)
    return f"{record.id}  {state} (exit {record.exit.shown}) {lasted(record)}"


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
        many = counted(kills, "process", "processes")
        yield f"out of memory: the kernel killed {many} of the run ({told})"


def when(seconds: float) -> str:
    """A UTC time, for people and for sorting; what no calendar has is told in seconds."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g} s after 1970"
