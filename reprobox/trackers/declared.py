"""Metrics that the config declares: `results/metrics.json#$.test.accuracy`, `events*#train/loss`.

Before `#` a path or a pattern of paths below the outputs, after it the name of the value in that
file: a JSON path, a column, a tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reprobox.kit.regex import regex
from reprobox.trackers import json_files
from reprobox.trackers.reading import Reading, Unreadable, is_number

_STEP = regex(r"\.([^.\[\]]+)|\[(-?\d+)\]|\[\"((?:[^\"\\]|\\.)*)\"\]|\['((?:[^'\\]|\\.)*)'\]")
Points = list[tuple[float, float]]


def value(
    root: Path,
    files: Sequence[str],
    every: Sequence[str],
    text: str,
    readings: Sequence[tuple[str, Reading]],
) -> tuple[float, Points]:
    """The metric's last value, and its series where there is one.

    Args:
        files: what a pattern is looked for in first: one file for each run of a tracker.
        every: all outputs, so that a pattern may also name a part, such as a checkpoint's file.
        readings: path and values; the first of a path counts.

    Raises:
        Unreadable: no such file, several of them, or no such number in it.
    """
    pattern, found, key = text.partition("#")
    if not found:
        raise Unreadable(f"{text!r} is not of the form path#key")
    paths = [path for path in files if _is(path, pattern)]
    paths = paths or [path for path in every if _is(path, pattern)]
    if len(paths) != 1:
        raise Unreadable(
            f"no output matches {pattern}" if not paths else f"{pattern} matches {len(paths)} files"
        )
    if key.startswith("$"):
        return json_number(json_files.document(root / paths[0]), key), []
    for path, reading in readings:
        if path == paths[0] and key in reading.metrics:
            return reading.metrics[key], reading.series.get(key, [])
    raise Unreadable(f"{paths[0]} has no number {key!r}")


def _is(path: str, pattern: str) -> bool:
    """A pattern without a slash matches file names anywhere, as in .gitignore."""
    return fnmatchcase(path, pattern) or (
        "/" not in pattern and fnmatchcase(path.rpartition("/")[2], pattern)
    )


def json_number(document: Any, path: str) -> float:
    """The number at a JSON path (`$.a["b c"][0].d`; a part of RFC 9535).

    Raises:
        Unreadable: no such path, or not a number.
    """
    here, place = document, 1
    while place < len(path):
        step = _STEP.match(path, place)
        if not step:
            raise Unreadable(f"{path!r} is not a JSON path")
        place = step.end()
        key = next((part for part in (step[1], step[3], step[4]) if part is not None), None)
        try:
            here = here[int(step[2])] if key is None else here[key.replace("\\", "")]
        except (KeyError, IndexError, TypeError) as error:
            raise Unreadable(f"there is nothing at {path}") from error
    if not is_number(here):
        raise Unreadable(f"what is at {path} is not a number")
    return float(here)
