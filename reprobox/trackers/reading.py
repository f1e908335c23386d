"""What a tracker's file says, in one form for all trackers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from reprobox.kit.lazy_dataclass import dataclass

Scalar = float | str
MAX_POINTS = 5000
"""Points of a series that are kept; more are thinned evenly, first and last stay."""
_MAX_TEXT = 500
"""Characters of a parameter."""


class Unreadable(Exception):
    """The file is not what its name says."""


@dataclass
class Reading:
    """Parameters, last values of metrics, and series as (step, value) points in file order."""

    params: dict[str, Scalar] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def param(self, name: str, value: Any) -> None:
        """Notes a parameter; what is neither a number nor text is left out."""
        if isinstance(value, bool):
            self.params[name] = str(value).lower()
        elif isinstance(value, (int, float)):
            self.params[name] = number_of(value)
        elif isinstance(value, str):
            self.params[name] = value[:_MAX_TEXT]

    def metric(self, name: str, value: Any) -> None:
        """Notes a metric's last value; what is not a number is left out."""
        if is_number(value):
            self.metrics[name] = number_of(value)

    def point(self, name: str, step: float, value: Any) -> None:
        """Adds a point to a series, whose last value is the metric's."""
        if is_number(value):
            self.series.setdefault(name, []).append((float(step), number_of(value)))
            self.metrics[name] = number_of(value)

    def update(self, other: Reading, prefix: str = "") -> None:
        """Takes in another reading, its names below `prefix`; later values win."""
        self.params |= {prefix + name: value for name, value in other.params.items()}
        self.metrics |= {prefix + name: value for name, value in other.metrics.items()}
        self.series |= {prefix + name: points for name, points in other.series.items()}


Parts = Literal["", "follow", "newest"]
"""What several files of one run are: each stands alone; each continues the one before, in the order
of their names; or the one with the highest group `step` has all, and one without it is the last.
"""


@dataclass(frozen=True, kw_only=True)
class Tracker:
    """One kind of file: which paths it is found at, and how one is read."""

    name: str
    pattern: str
    """Regular expression that is searched in an output's path. Its group `run` separates several
    runs of the tracker in one run of ours.
    """
    read: Callable[[Path, Mapping[str, str]], Reading]
    """(file, the pattern's groups) -> Reading. Raises Unreadable."""
    parts: Parts = ""
    guessed: bool = False
    """Whether a file of that name may well be something else, which is then no fault."""


def joined(parts: Sequence[Reading]) -> Reading:
    """Readings that continue each other as one: later values win, and series go on."""
    found = Reading()
    for part in parts:
        found.params |= part.params
        found.metrics |= part.metrics
        for name, points in part.series.items():
            found.series[name] = [*found.series.get(name, ()), *points]
    return found


def is_number(value: Any) -> bool:
    """Whether a value is a number that fits a double."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return not isinstance(value, int) or abs(value) < 2**1000


def number_of(value: float) -> float:
    """As a double."""
    return float(value)


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings as dotted names; lists are leaves."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}.{key}" if prefix else str(key))
    elif prefix:
        yield prefix, value


def thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MAX_POINTS of them, first and last included."""
    if len(points) <= MAX_POINTS:
        return points
    stride = (len(points) - 1) / (MAX_POINTS - 1)
    return [points[round(index * stride)] for index in range(MAX_POINTS)]


def steps_of(row: Mapping[str, Any]) -> float | None:
    """The step of a row of a log, by the usual names of that column."""
    for name in STEP_NAMES:
        if is_number(value := row.get(name)) and math.isfinite(float(value or 0)):
            return float(value or 0)
    return None


STEP_NAMES = (
    "step",
    "global_step",
    "_step",
    "iteration",
    "iter",
    "epoch",
    "trial",
    "round",
    "batch",
    "Step",
    "Epoch",
    "Iteration",
)
"""Columns that count; they are no metrics themselves."""


def history(rows: Iterable[Mapping[str, Any]]) -> Reading:
    """A log with a row for each step: series of its numbers."""
    found = Reading()
    for number, row in enumerate(rows):
        step = steps_of(row)
        for name, value in flat(row):
            if name not in STEP_NAMES:
                found.point(name, number if step is None else step, value)
    return found
