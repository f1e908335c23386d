"""Several runs as one table: a row for each thing that differs, a column for each run."""

from __future__ import annotations

from reprobox.commands.shared.side_by_side import Row, SideBySide
from reprobox.store.run_values import Scalar
from reprobox.views.blocks import Line, Section, Table
from reprobox.views.run_list import value_text, words

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_STYLES = {"different": "red", "identical": "green"}
_MANY = 40
"""Rows of a section; `--json` has all."""


def letter(place: int) -> str:
    """The name of a run in the table: A, B, ..., Z, 27, ..."""
    return _LETTERS[place] if place < len(_LETTERS) else str(place + 1)


def sections(found: SideBySide) -> list[Section]:
    """Which letter is which run, what differs, and each run's verdict against A."""
    letters = tuple(letter(place) for place in range(len(found.runs)))
    names = tuple(
        Line(f"{one}  {run}  ({words(run)})") for one, run in zip(letters, found.runs, strict=True)
    )
    blocks = [Section(title="runs", blocks=names)]
    shown: list[tuple[str, ...]] = []
    left = 0
    for section in dict.fromkeys(row.section for row in found.rows):
        rows = [row for row in found.rows if row.section == section]
        shown += [cells(row) for row in rows[:_MANY]]
        left += len(rows[_MANY:])
    if shown:
        table = Table(columns=("", "what differs", *letters), rows=tuple(shown))
        more = (Line(f"... and {left:,} more (--json lists all)"),) if left else ()
        blocks.append(Section(title="what differs", blocks=(table, *more)))
    verdicts = tuple(
        Line(f"A and {one}: {verdict.result}", _STYLES.get(verdict.result, "yellow"))
        for one, verdict in zip(letters[1:], found.verdicts, strict=True)
    )
    return [*blocks, Section(title="verdicts", blocks=verdicts)]


def cells(row: Row) -> tuple[str, ...]:
    """The section, the name, and a text for each run."""
    return (row.section, row.name, *(_text(row, value) for value in row.values))


def _text(row: Row, value: Scalar) -> str:
    if value is None:
        return "-"
    text = value_text(value)
    digest = text.startswith("sha256:") or row.name == "commit"
    return text.removeprefix("sha256:")[:12] if digest else text
