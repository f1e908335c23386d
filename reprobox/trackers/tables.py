"""CSV and TSV logs: a column is a series when a row is a step."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reprobox.kit.regex import regex
from reprobox.trackers.reading import STEP_NAMES, Reading, Unreadable

_LOG = regex(r"(log|metric|history|loss|result|progress|train|eval|score|stats)")
_COLUMNS, _ROWS = 200, 2_000_000


def read_csv(path: Path, groups: Mapping[str, str]) -> Reading:
    """A table with a header, of which at least one column holds numbers.

    One row of data is a set of metrics. Several rows are series where a column counts steps, or
    the file is named as a log; anything else (predictions, data) is not read as metrics.
    """
    name = groups.get("name", path.name).lower()
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        try:
            return _table(rows, named_as_log=bool(_LOG.search(name)))
        except csv.Error as error:
            raise Unreadable(f"not CSV: {error}") from error


def _table(rows: Any, *, named_as_log: bool) -> Reading:
    header = [cell.strip() for cell in next(rows, ())]  # some programs set names flush right
    if not header or len(header) > _COLUMNS or any(_number(cell) is not None for cell in header):
        raise Unreadable("no header")
    if len(set(header)) != len(header):
        raise Unreadable("two columns of one name")
    steps = next((header.index(name) for name in STEP_NAMES if name in header), None)
    found, count = Reading(), 0
    for row in rows:
        count += bool(row)
        if count > _ROWS:
            raise Unreadable("too many rows")
        step = _number(row[steps]) if steps is not None and steps < len(row) else None
        for column, cell in zip(header, row, strict=False):
            number = _number(cell)
            if column and column not in STEP_NAMES and number is not None:
                found.point(column, count - 1 if step is None else step, number)
    if count > 1 and steps is None and not named_as_log:
        raise Unreadable("no column counts steps, so it may be data")
    if count == 1:
        found.series.clear()
    return found


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if not math.isnan(value) or cell.strip().lower() == "nan" else None


def read_dvclive_series(path: Path, groups: Mapping[str, str]) -> Reading:
    """DVCLive's plots/metrics/NAME.tsv: `step` and the metric."""
    table = read_csv(path, {"name": "log"})
    found = Reading()
    for points in list(table.series.values())[:1] or [[(0.0, v) for v in table.metrics.values()]]:
        for step, value in points:
            found.point(groups["key"], step, value)
    return found
