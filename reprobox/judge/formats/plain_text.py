"""Text: CSV by cell, JSON and JSON lines by path, other text by line."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from reprobox.judge.content import Content, Leaf, Unreadable, columns, once, put
from reprobox.judge.tensors import Tensor

_WHOLE = re.compile(r"[+-]?\d+|")
_PLAIN = re.compile(r'[^][.{}"]+')


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("text that is not UTF-8") from error


def read_csv(path: Path, *, delimiter: str) -> Content:
    """Columns by their name in the first row; a column of numbers is an array, any other is a leaf
    a cell.
    """
    csv.field_size_limit(1 << 24)
    try:
        rows = list(
            csv.reader(io.StringIO(_text(path), newline=""), delimiter=delimiter, strict=True)
        )
    except csv.Error as error:
        raise Unreadable(f"not a readable CSV file: {error}") from error
    head, body = (rows[0], rows[1:]) if rows else ([], [])
    leaves: dict[str, Leaf] = {"<header>": delimiter.join(head)}
    head = head + [""] * (max((len(row) for row in rows), default=0) - len(head))
    for place, name in enumerate(columns(head)):
        _column(leaves, name, [row[place] if place < len(row) else "" for row in body])
    return Content(format="csv", leaves=leaves)


def _column(leaves: dict[str, Leaf], name: str, cells: list[str]) -> None:
    try:
        array = np.array(
            [_float(cell) if cell.strip() else np.nan for cell in cells], dtype=np.float64
        )
    except ValueError:
        for row, cell in enumerate(cells):
            put(leaves, f"{name}[{row}]", _cell(cell))
        return
    whole = all(_WHOLE.fullmatch(cell.strip()) for cell in cells)
    put(leaves, name, Tensor(dtype="float64", shape=array.shape, load=lambda: array, whole=whole))


def _cell(cell: str) -> Leaf:
    """A cell of a column that has others than numbers: the number or the text that it is."""
    try:
        return int(cell) if _WHOLE.fullmatch(cell.strip()) and cell.strip() else _float(cell)
    except ValueError:
        return cell


def _float(cell: str) -> float:
    """A number. Raises ValueError for text, and for an integer that shares its double with its
    neighbours.
    """
    if "_" in cell:
        raise ValueError(f"{cell!r} is a number to Python only")
    value = float(cell)
    if abs(value) >= 2**53 and cell.strip().lstrip("+-").isdigit():
        raise ValueError(f"{cell!r} is more than a double can tell from its neighbours")
    return value


def read_json(path: Path) -> Content:
    """Values by path, such as `$.history[3].loss` or `$["a.b"]`: a key is quoted where it could be
    taken for anything else.
    """
    leaves: dict[str, Leaf] = {}
    _json(leaves, "$", _parse(_text(path)), 0)
    return Content(format="json", leaves=leaves)


def read_json_lines(path: Path) -> Content:
    """One JSON value a line, by `[line].path`."""
    leaves: dict[str, Leaf] = {}
    for number, line in enumerate(_text(path).split("\n")):
        if line.strip():
            _json(leaves, f"[{number}]", _parse(line), 0)
    return Content(format="jsonl", leaves=leaves)


def _parse(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error


def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises Unreadable where a key comes twice: a parser would keep one of the
    two values.
    """
    once(key for key, _ in found)
    return dict(found)


def _json(leaves: dict[str, Leaf], path: str, value: Any, depth: int) -> None:
    if depth > 200:
        raise Unreadable("JSON nested too deeply")
    if isinstance(value, dict | list) and not value:
        put(leaves, f"{path}{{}}" if isinstance(value, dict) else f"{path}[]", "empty")
    elif isinstance(value, dict):
        for key, child in value.items():
            _json(
                leaves,
                f"{path}.{key}" if _PLAIN.fullmatch(key) else f"{path}[{json.dumps(key)}]",
                child,
                depth + 1,
            )
    elif isinstance(value, list):
        for place, child in enumerate(value):
            _json(leaves, f"{path}[{place}]", child, depth + 1)
    else:
        put(leaves, path, value)


def read_lines(path: Path) -> Content:
    """Any other text."""
    leaves: dict[str, Leaf] = {}
    for number, line in enumerate(_text(path).split("\n"), 1):
        put(leaves, f"line {number}", line)
    return Content(format="text", leaves=leaves)
