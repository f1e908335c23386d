"""What the readers of trackers find in a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.trackers.collect import Request, Values, read

LOSSES = ((0.0, 0.9), (1.0, 0.5), (2.0, 0.25))


def paths_of(root: Path) -> tuple[str, ...]:
    return tuple(
        sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    )


def values_of(root: Path, declared: dict[str, str] | None = None) -> Values:
    (found,) = read([Request(root=root, files=paths_of(root), declared=declared or {})])
    return found


def numbers(found: Values, kind: str = "metric") -> dict[str, float | str]:
    return {one.name: one.value for one in found.values if one.kind == kind}


def series(found: Values) -> dict[str, tuple[tuple[float, float], ...]]:
    return {one.name: one.points for one in found.series}


def near(points: tuple[tuple[float, float], ...]) -> bool:
    return [step for step, _ in points] == [0, 1, 2] and [
        value for _, value in points
    ] == pytest.approx([0.9, 0.5, 0.25], rel=1e-6)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
