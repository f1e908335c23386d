"""MLflow's file store: a file for each metric and each parameter (mlruns/EXPERIMENT/RUN/...)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reprobox.trackers.reading import Reading, Unreadable


def read_file(path: Path, groups: Mapping[str, str]) -> Reading:
    """`metrics/NAME` has lines "milliseconds value step"; `params/NAME` holds the value."""
    text = path.read_text(encoding="utf-8", errors="replace")
    found = Reading()
    if groups["kind"] == "params":
        found.param(groups["key"], _scalar(text.strip()))
        return found
    for line in text.splitlines():
        parts = line.split(" ")
        try:
            found.point(groups["key"], float(parts[2]) if len(parts) > 2 else 0, float(parts[1]))
        except (IndexError, ValueError) as error:
            raise Unreadable("a line that MLflow would not write") from error
    return found


def _scalar(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
