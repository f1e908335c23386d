"""All values of a run's outputs: which file gives what, and under which name it is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reprobox.kit import limited_child
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.limited_child import ChildFailed, Limits
from reprobox.kit.regex import regex
from reprobox.trackers import declared
from reprobox.trackers.reading import Reading, Scalar, Tracker, Unreadable, joined, thinned
from reprobox.trackers.table import TRACKERS

_PATTERNS = tuple((tracker, regex(tracker.pattern)) for tracker in TRACKERS)
_MANY_FILES = 2000
"""Files of one run that are read; a run that leaves more of them leaves data."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A parameter or the last value of a metric."""

    kind: str
    """`metric` or `param`."""
    name: str
    source: str
    """The output's path; empty for a declared metric."""
    value: Scalar


@dataclass(frozen=True, kw_only=True)
class Series:
    """A metric over steps."""

    name: str
    source: str
    points: tuple[tuple[float, float], ...]
    """(step, value), in the order of the file."""


@dataclass(frozen=True, kw_only=True)
class Values:
    """What the outputs of one run say."""

    values: tuple[Value, ...] = ()
    series: tuple[Series, ...] = ()
    faults: tuple[str, ...] = ()
    """Files that look like a tracker's and could not be read, and declared metrics that are not
    there.
    """


@dataclass(frozen=True, kw_only=True)
class Request:
    """A run whose outputs are to be read."""

    root: Path
    """The directory of its outputs."""
    files: tuple[str, ...]
    """Paths below it."""
    declared: Mapping[str, str]
    """Name of a metric -> `path#key`, as the config says."""


def tracker_of(path: str) -> tuple[Tracker, Mapping[str, str]] | None:
    """The first tracker that reads a path, and the groups of its pattern."""
    for tracker, pattern in _PATTERNS:
        if found := pattern.search(path):
            return tracker, {name: text or "" for name, text in found.groupdict().items()}
    return None


def read(requests: Sequence[Request], limits: Limits | None = None) -> list[Values]:
    """Reads the outputs of runs in a child process with limits. A run that makes the child fail
    has no values and says why; the others are read again without it.
    """
    wanted = [request for request in requests if request.declared or _relevant(request.files)]
    found = dict(zip(map(id, wanted), _ask(wanted, limits or Limits()), strict=True))
    return [found.get(id(request), Values()) for request in requests]


def _relevant(files: Sequence[str]) -> bool:
    return any(tracker_of(path) for path in files)


def _ask(requests: Sequence[Request], limits: Limits) -> list[Values]:
    if not requests:
        return []
    message = {
        "runs": [
            {
                "root": str(request.root.absolute()),
                "files": request.files,
                "declared": dict(request.declared),
            }
            for request in requests
        ]
    }
    try:
        answer = limited_child.ask("reprobox.trackers.collect", message, limits)
    except ChildFailed as fault:
        if len(requests) == 1:
            return [Values(faults=(str(fault),))]
        middle = len(requests) // 2
        return [*_ask(requests[:middle], limits), *_ask(requests[middle:], limits)]
    return [_decoded(one) for one in answer["runs"]]


def _decoded(answer: Mapping[str, Any]) -> Values:
    return Values(
        values=tuple(
            Value(kind=kind, name=name, source=source, value=value)
            for kind, name, source, value in answer["values"]
        ),
        series=tuple(
            Series(name=name, source=source, points=tuple((step, value) for step, value in points))
            for name, source, points in answer["series"]
        ),
        faults=tuple(answer["faults"]),
    )


def _work(request: dict[str, Any]) -> dict[str, Any]:
    return {"runs": [_one(run) for run in request["runs"]]}


@dataclass(frozen=True)
class _Read:
    """A file that was read."""

    path: str
    tracker: Tracker
    groups: Mapping[str, str]
    reading: Reading


def _one(run: Mapping[str, Any]) -> dict[str, Any]:
    """The child's part for one run."""
    root, faults = Path(run["root"]), []
    read: list[_Read] = []
    chosen = [(path, found) for path in sorted(run["files"]) if (found := tracker_of(path))]
    several = _several(chosen)
    for path, (tracker, groups) in chosen[:_MANY_FILES]:
        try:
            reading = tracker.read(root / path, groups)
        except Unreadable as fault:
            if not tracker.guessed:
                faults.append(f"{path}: {fault}")
            continue
        except (OSError, ValueError, TypeError, OverflowError, RecursionError) as fault:
            faults.append(f"{path}: {type(fault).__name__}: {fault}")
            continue
        group = groups.get("run", "").strip("/")
        prefixed = Reading()
        prefixed.update(reading, f"{group}/" if group and tracker.name in several else "")
        read.append(_Read(path, tracker, groups, prefixed))
    whole = list(_whole(read))
    values, series = _merged(whole)
    files = _without_parts(run["files"], read, whole)
    readings = [*whole, *((one.path, one.reading) for one in read)]
    for name, text in run["declared"].items():
        try:
            number, points = declared.value(root, files, run["files"], text, readings)
        except Unreadable as fault:
            faults.append(f"{name}: {fault}")
            continue
        values.append(("metric", name, "", number))
        if points:
            series.append((name, "", thinned(points)))
    return {"values": values, "series": series, "faults": faults}


def _whole(read: Sequence[_Read]) -> Iterator[tuple[str, Reading]]:
    """A path and a reading for each file that stands alone, and for each run that has its values in
    several.
    """
    parts: dict[tuple[str, str], list[_Read]] = {}
    for one in read:
        key = (one.tracker.name, one.groups.get("run", "") if one.tracker.parts else one.path)
        parts.setdefault(key, []).append(one)
    for of_run in parts.values():
        if of_run[0].tracker.parts == "newest":
            last = max(of_run, key=lambda one: int(one.groups.get("step") or sys.maxsize))
            yield last.path, last.reading
        else:
            yield of_run[-1].path, joined([one.reading for one in of_run])


def _without_parts(
    files: Sequence[str], read: Sequence[_Read], whole: Sequence[tuple[str, Reading]]
) -> list[str]:
    """The files, without those whose values another one has as well, or continues."""
    parts = {one.path for one in read} - {path for path, _ in whole}
    return [path for path in files if path not in parts]


def _several(chosen: Sequence[tuple[str, tuple[Tracker, Mapping[str, str]]]]) -> set[str]:
    """Trackers that left several runs of theirs, whose names must be kept apart."""
    runs: dict[str, set[str]] = {}
    for _, (tracker, groups) in chosen:
        runs.setdefault(tracker.name, set()).add(groups.get("run", ""))
    return {name for name, found in runs.items() if len(found) > 1}


def _merged(
    readings: Sequence[tuple[str, Reading]],
) -> tuple[list[tuple[str, str, str, Scalar]], list[tuple[str, str, list[tuple[float, float]]]]]:
    values: list[tuple[str, str, str, Scalar]] = []
    series: list[tuple[str, str, list[tuple[float, float]]]] = []
    for path, reading in readings:
        values += [("param", name, path, value) for name, value in reading.params.items()]
        values += [("metric", name, path, value) for name, value in reading.metrics.items()]
        series += [(name, path, thinned(points)) for name, points in reading.series.items()]
    return values, series


def values_by_name(found: Values) -> Iterator[Value]:
    """Each metric and parameter once: a declared one first, then in the order of the files."""
    seen: set[tuple[str, str]] = set()
    for value in sorted(found.values, key=lambda one: one.source != ""):
        if (value.kind, value.name) not in seen:
            seen.add((value.kind, value.name))
            yield value


if __name__ == "__main__":
    limited_child.serve(_work)
