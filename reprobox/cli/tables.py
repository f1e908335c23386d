"""Draws tables and sections on the terminal. rich is imported when a table is drawn, not before."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from reprobox.cli.messages import Talk
from reprobox.kit.text import shortened, shown

if TYPE_CHECKING:
    from rich.text import Text

    from reprobox.views.blocks import Cell, Section
    from reprobox.views.run_list import Column

_UNWATCHED = 1000
"""Columns where stdout is not a terminal: nothing is folded for a program that reads it."""
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def draw(talk: Talk, sections: Iterable[Section]) -> None:
    """Draws the blocks of sections, one below the other."""
    from reprobox.views.blocks import Table

    for section in sections:
        for block in section.blocks:
            if isinstance(block, Table):
                table(talk, block.columns, block.rows, right=block.right)
            else:
                talk.line(_painted(talk, shown(block.text), block.style), trusted=True)


class _View(Protocol):
    """A module of `views` that shows a value both ways."""

    def as_json(self, found: Any, /) -> Any: ...

    def sections(self, found: Any, /) -> Iterable[Section]: ...


def data_or_sections(talk: Talk, as_json: bool, found: Any, view: _View) -> None:
    """A value as one JSON document, or drawn."""
    if as_json:
        talk.data(view.as_json(found))
    else:
        draw(talk, view.sections(found))


def _painted(talk: Talk, text: str, style: str) -> str:
    return f"\033[{_CODES[style]}m{text}\033[0m" if talk.color and style else text


def table(
    talk: Talk,
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    right: Sequence[str] = (),
) -> None:
    """A borderless table on stdout. A cell is one line whatever is in it; a tuple is several."""
    rows = list(rows)
    lines = None if talk.color or sys.stdout.isatty() else _unwatched(columns, rows, right)
    if lines is not None:
        sys.stdout.writelines(lines)
        return
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="bold" if talk.color else "")
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(_cell(talk, cell) for cell in row))
    watched = sys.stdout.isatty()
    console = Console(
        no_color=not talk.color, highlight=False, width=None if watched else _UNWATCHED
    )
    with console.capture() as caught:
        console.print(drawn)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in caught.get().splitlines())


def _unwatched(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], right: Sequence[str]
) -> list[str] | None:
    """The lines of a table without colours that fits; None where it may have to be folded, or a
    letter may be wider than one column. rich takes 2 ms a row for the same.
    """
    texts: list[list[tuple[str, ...]]] = [[(shortened(shown(title)),) for title in columns]]
    texts += [[_lines(cell) for cell in row] for row in rows]
    if not all(line.isascii() for row in texts for cell in row for line in cell):
        return None
    widths = [
        max(len(line) for cell in column for line in cell) for column in zip(*texts, strict=True)
    ]
    if sum(widths) + 2 * len(widths) > _UNWATCHED:
        return None
    pads = [str.rjust if title in right else str.ljust for title in columns]
    found = []
    for row in texts:
        for number in range(max(map(len, row))):
            cells = (cell[number] if number < len(cell) else "" for cell in row)
            padded = (pad(cell, wide) for pad, cell, wide in zip(pads, cells, widths, strict=True))
            found.append("  ".join(padded).rstrip() + "\n")
    return found


def _lines(cell: Cell) -> tuple[str, ...]:
    if isinstance(cell, tuple):
        return tuple(shortened(shown(line)) for line in cell) or ("",)
    return (shortened(shown(cell if isinstance(cell, str) else cell.text)),)


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


def _cell(talk: Talk, cell: Cell) -> Text:
    from rich.text import Text

    if isinstance(cell, str):
        return Text(shortened(shown(cell)))
    if isinstance(cell, tuple):
        return Text("\n".join(shortened(shown(line)) for line in cell))
    return Text.from_ansi(_painted(talk, shortened(shown(cell.text)), cell.style))
