"""What is in one file, for people: a table, tensors with their histograms, or named values. Runs in
the reader's process only, because the file may be anything.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reprobox.judge.content import Content, values
from reprobox.judge.leaves import Unreadable
from reprobox.judge.tensors import Tensor, decoded

_ROWS, _COLUMNS, _VALUES, _TENSORS = 200, 40, 300, 60
_HEAD = 1 << 20
"""Bytes of a table that are looked at."""
_DOCUMENT = 16 << 20
"""Bytes of a JSON document that is looked at."""
_BINS = 32
_DELIMITERS = {".tsv": "\t", ".csv": ","}


def preview(path: Path, name: str, read: Callable[[], Content]) -> dict[str, Any]:
    """A table (`columns`, `rows`, `cut`), or `tensors` and `values` of the file.

    Raises:
        Unreadable: no reader knows the file.
    """
    suffix = Path(name).suffix.lower()
    if suffix in _DELIMITERS:
        return _table(path, _DELIMITERS[suffix])
    if suffix in (".json", ".jsonl", ".ndjson") and (found := _records(path, suffix)):
        return found
    content = read()
    tensors = [(key, leaf) for key, leaf in content.leaves.items() if isinstance(leaf, Tensor)]
    return {
        "format": content.format,
        "tensors": [_summary(key, leaf) for key, leaf in tensors[:_TENSORS]],
        "values": list(itertools.islice(_values(content), _VALUES)),
        "cut": max(0, len(tensors) - _TENSORS),
    }


def _values(content: Content) -> Iterator[dict[str, Any]]:
    plain = {key: leaf for key, leaf in content.leaves.items() if not isinstance(leaf, Tensor)}
    few = Content(format=content.format, leaves=dict(itertools.islice(plain.items(), _VALUES)))
    yield from values(few, lambda _: True, 0)


def _table(path: Path, delimiter: str) -> dict[str, Any]:
    with path.open("rb") as file:
        data = file.read(_HEAD + 1)
    text = data[:_HEAD].decode("utf-8-sig", "backslashreplace")
    first = text.partition("\n")[0]
    if first.count(";") > first.count(delimiter):
        delimiter = ";"
    try:
        rows = list(itertools.islice(csv.reader(io.StringIO(text), delimiter=delimiter), _ROWS + 2))
    except csv.Error as fault:
        raise Unreadable(f"not a table: {fault}") from fault
    head, body = (rows[0], rows[1 : _ROWS + 1]) if rows else ([], [])
    cut = len(data) > _HEAD or len(rows) > _ROWS + 1 or len(head) > _COLUMNS
    return _as_table(head, body, cut=cut)


def _as_table(head: list[str], body: list[list[str]], *, cut: bool) -> dict[str, Any]:
    width = min(_COLUMNS, len(head))
    rows = [[_short(cell) for cell in row[:width]] + [""] * (width - len(row)) for row in body]
    return {"format": "table", "columns": [_short(one) for one in head[:width]], "rows": rows,
            "cut": cut}  # fmt: skip


def _records(path: Path, suffix: str) -> dict[str, Any] | None:
    """A table of JSON objects with plain values; None for a document of another shape."""
    if path.stat().st_size > _DOCUMENT:
        raise Unreadable("the document is too large to be shown")
    text = path.read_text("utf-8", "backslashreplace")
    try:
        lines = text.splitlines()
        found = json.loads(text) if suffix == ".json" else [json.loads(one) for one in lines if one]
    except ValueError as fault:
        raise Unreadable(f"not JSON: {fault}") from fault
    if not isinstance(found, list) or not found or not all(map(_is_row, found[: _ROWS + 1])):
        return None
    head = list(dict.fromkeys(key for row in found[:_ROWS] for key in row))
    body = [[_text(row.get(key)) for key in head] for row in found[:_ROWS]]
    return _as_table(head, body, cut=len(found) > _ROWS or len(head) > _COLUMNS)


def _is_row(value: Any) -> bool:
    return isinstance(value, Mapping) and not any(
        isinstance(one, list | dict) for one in value.values()
    )


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"


def _summary(name: str, tensor: Tensor) -> dict[str, Any]:
    """Shape and type; of numbers also count, mean, deviation and a histogram."""
    found: dict[str, Any] = {"name": name, "dtype": tensor.dtype, "shape": list(tensor.shape)}
    array = decoded(tensor)
    if array.dtype.kind not in "fiub" or not array.size:
        return found
    numbers = array.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    found |= {"count": int(numbers.size), "not_finite": int(numbers.size - finite.size)}
    if not finite.size:
        return found
    with np.errstate(all="ignore"):
        found |= {"mean": _plain(finite.mean()), "sd": _plain(finite.std())}
        low, high = float(finite.min()), float(finite.max())
        found |= {"low": low, "high": high}
        if math.isfinite(high - low):
            counts, edges = np.histogram(finite, _BINS if high > low else 1)
            found |= {"counts": counts.tolist(), "edges": edges.tolist()}
    return found


def _plain(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
