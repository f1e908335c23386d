"""CSV and TSV: columns by their name in the first row, cells by column and row, lines of comment
(`#`) above them as they are.

Read by Python's own reader and not by pyarrow's, which makes doubles of all numbers and drops
what they do not hold.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats import spelling
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.formats.text import MARK, decoded
from reprobox.judge.leaves import Int, Real, Rows, Scalar, Unreadable, key
from reprobox.judge.tensors import Tensor
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

_LIKE_OURS = regex(r"[][<>]|\((column \d+|nulls|empty)\)$|^column \d+$")
_LEADING = regex(r"[+-]?0\d")
_SPECIAL = {"nan", "inf", "infinity", "-inf", "-infinity", "+inf", "+infinity", "-nan"}
_BEGINS = frozenset("0123456789+-.nNiI")
"""What a number begins with; all else is a text at once."""
_SHORT = 15
_MANY_COLUMNS = 2000
"""From here on a table is read by its rows."""
_PADDED = 5_000_000
_LARGEST = 2.0**53
_LONGEST_CELL = 1 << 24
LEFT_OUT = {
    "quotes": "quotes",
    "line-ends": "line ends",
    "spaces": "spaces around numbers",
    "numbers": "spelling of numbers (`1`, `1.0`, `1e0`)",
    "mark": "a byte order mark",
}


def columns(names: Sequence[str]) -> list[str]:
    """A name for each column of a table, no two alike: where its own says too little, its place is
    added.

    What readers put behind a name, `[row]` and ` (nulls)`, no column's own name ends with.
    """
    count = Counter(names)
    return [
        f"{name} (column {place})"
        if not name or count[name] > 1 or _LIKE_OURS.search(name)
        else name
        for place, name in enumerate(names)
    ]


def _read_table(file: File, delimiter: str) -> Content:
    text, encoding = decoded(file)
    if encoding != "utf-8":
        file.put("<encoding>", encoding)
    csv.field_size_limit(_LONGEST_CELL)
    comments, table = _above(text.removeprefix(MARK.decode()), delimiter)
    file.put_rows("comment", Rows(comments, before=" ", after="", first=1))
    lines = io.StringIO(table, newline="")
    rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    head, body, values = _head(rows)
    file.put_rows("<header>", Rows(values))
    file.put("<header>", delimiter.join(head))
    widths = [len(row) for row in body]
    widest = max([len(head), *widths])
    if any(width != widest for width in [*widths, *([len(head)] if head else [])]):
        file.put_rows("<cells of a row>", Rows(list(map(Int, [len(head), *widths]))))
    names = columns([*head, *[""] * (widest - len(head))])
    if len(names) > _MANY_COLUMNS:
        _wide(file, names, body)
    else:
        _columns(file, names, body)
    file.put("<rows>", Int(len(body)))
    file.leave_out("mark", 0, 3 if text.startswith("\ufeff") else 0)
    file.read_all()
    return file.content("csv")


def _above(text: str, delimiter: str) -> tuple[list[str], str]:
    """The lines above the table that begin with `#`, and the table. One that has as many cells as
    the table is its header.
    """
    found: list[str] = []
    rest = text
    while rest.startswith("#"):
        line, _, rest = rest.partition("\n")
        found.append(line)
    width = rest.partition("\n")[0].count(delimiter)
    own = next((at for at, line in enumerate(found) if line.count(delimiter) == width), len(found))
    found = found[:own] if rest else []
    return [line.removesuffix("\r") for line in found], text[sum(len(line) + 1 for line in found) :]


def _head(rows: list[list[str]]) -> tuple[list[str], list[list[str]], list[Scalar]]:
    """Names, other rows, and the names as cells. A first row of numbers is no names, nor is one
    that holds a fraction.
    """
    if not rows:
        return [], [], []
    found = list(map(_cell, rows[0]))
    numbers = [one for one in found if not isinstance(one, str)]
    fractions = any(not isinstance(one, int) for one in numbers)
    if numbers and (fractions or _only_numbers(found)):
        return [], rows, []
    return rows[0], rows[1:], found


def _only_numbers(cells: Sequence[Scalar]) -> bool:
    return all(not isinstance(cell, str) or not cell.strip() for cell in cells)


@dataclass(frozen=True, eq=False)
class _Row(Rows):
    """The cells of one row of a wide table, named as those of columns are."""

    columns: Sequence[str] = ()
    row: int = 0

    def name(self, base: str, place: int) -> str:
        """The name of the cell in that column."""
        return f"{self.columns[place]}[{self.row}]"


def _wide(file: File, names: list[str], body: list[list[str]]) -> None:
    """A table by its rows: a leaf for each of a million columns takes minutes."""
    for place, row in enumerate(body):
        values = list(map(_cell, row))
        cells = _Row(values, before=f"<row {place}>[", columns=names, row=place)
        file.put(key("", cells), cells)


def _columns(file: File, names: list[str], body: list[list[str]]) -> None:
    cells: list[list[str]] = [[] for _ in names]
    padded = len(names) * len(body) <= _PADDED  # beyond, few long rows would make a table of gaps
    for row in body:
        for place, cell in enumerate(row):
            cells[place].append(cell)
        if padded:
            for place in range(len(row), len(names)):
                cells[place].append("")
    for name, column in zip(names, cells, strict=True):
        _column(file, name, column)


def _column(file: File, name: str, cells: list[str]) -> None:
    values = list(map(_cell, cells))
    if not all(map(_fits, values)):
        file.put_rows(name, Rows(values))
        return
    array = np.array([math.nan if value == "" else value for value in values], dtype=np.float64)
    empty = np.array([value == "" for value in values], dtype=np.bool_)
    if empty.any():
        file.put(f"{name} (empty)", Tensor(dtype="bool", shape=empty.shape, load=lambda: empty))
    whole = all(isinstance(value, int | str) for value in values)
    file.put(name, Tensor(dtype="float64", shape=array.shape, load=lambda: array, whole=whole))


def _fits(value: Scalar) -> bool:
    """Whether an array of doubles holds a cell as it is."""
    if isinstance(value, int):
        return abs(value) <= _LARGEST
    return isinstance(value, float) or value == ""


def _cell(cell: str) -> Any:
    """The number or the text that a cell is. Leading zeros make a text: they belong to names."""
    text = cell.strip(" ")
    if text[:1] not in _BEGINS:
        return cell
    if text.isdigit() and len(text) < _SHORT and (text[0] != "0" or text == "0"):
        return Int(text) if text.isascii() else cell
    if spelling.NUMBER.fullmatch(text) and not _LEADING.match(text):
        found = spelling.number(text)
        return cell if found is None else found
    return Real(text) if text.lower() in _SPECIAL else cell


def _reader(suffix: str, delimiter: str, name: str) -> Format:
    def claims(head: Head) -> bool:
        return head.suffix == suffix

    def read(file: File) -> Content:
        try:
            return _read_table(file, delimiter)
        except csv.Error as error:
            raise Unreadable(f"not a readable CSV file: {error}") from error

    return Format(
        name=name,
        files=suffix,
        claims=claims,
        read=read,
        left_out=LEFT_OUT,
        not_checked={"quotes": "quotes that do not close"},
        beyond=(f"cells of more than {_LONGEST_CELL:,} characters",),
    )


FORMATS = (_reader(".csv", ",", "csv"), _reader(".tsv", "\t", "tsv"))
