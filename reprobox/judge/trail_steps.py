"""Two trails as a table of steps and tensors: where they are the same, and where they differ.

A trail holds fingerprints, so a field says whether a tensor differs, not by how much.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reprobox.judge.trail import Trail

_KINDS = (("l", "loss"), ("p", "parameter"), ("g", "gradient"), ("b", "buffer"))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One tensor over all common steps."""

    kind: str
    """`random state`, `loss`, `parameter`, `gradient` or `buffer`."""
    name: str
    differs: tuple[bool | None, ...]
    """For each step; None where not both trails have it."""

    @property
    def first(self) -> int | None:
        """Index of the first step at which it differs."""
        return next((at for at, one in enumerate(self.differs) if one), None)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """All tensors of one process at the steps that both trails have."""

    process: str
    optimizers: tuple[str, ...]
    steps: tuple[tuple[str, int], ...]
    """(optimizer, step), in the order of the first trail."""
    rows: tuple[Row, ...]

    @property
    def shares(self) -> list[tuple[int, float]]:
        """(step, share of its parameters that differ)."""
        found = []
        for at, (_, step) in enumerate(self.steps):
            seen = [row.differs[at] for row in self.rows if row.kind == "parameter"]
            known = [one for one in seen if one is not None]
            if known:
                found.append((step, sum(known) / len(known)))
        return found


def compare(left: Trail, right: Trail) -> Steps:
    """The steps that both trails have."""
    common = tuple(key for key in left.steps if key in right.steps)
    cells: dict[tuple[str, str], dict[int, bool]] = {}
    for at, key in enumerate(common):
        for kind, name, differs in _step(left, left.steps[key], right.steps[key], key[0]):
            cells.setdefault((kind, name), {})[at] = differs
    rows = tuple(
        Row(kind=kind, name=name, differs=tuple(found.get(at) for at in range(len(common))))
        for (kind, name), found in cells.items()
    )
    return Steps(
        process=left.process,
        optimizers=tuple(dict.fromkeys(optimizer for optimizer, _ in common)),
        steps=common,
        rows=rows,
    )


def _step(
    trail: Trail, ours: Mapping[str, Any], theirs: Mapping[str, Any], optimizer: str
) -> Iterator[tuple[str, str, bool]]:
    if "rng" in ours and "rng" in theirs:
        yield "random state", "torch", ours["rng"] != theirs["rng"]
    left, right = ours.get("r") or {}, theirs.get("r") or {}
    for name in left:
        if name in right:
            yield "random state", str(name), left[name] != right[name]
    for key, kind in _KINDS:
        names = {"b": trail.buffers.get(optimizer, ()), "l": ()}.get(key)
        called = trail.names.get(optimizer, ()) if names is None else names
        pairs = zip(ours.get(key) or (), theirs.get(key) or (), strict=False)
        for at, (one, other) in enumerate(pairs):
            name = called[at] if at < len(called) else str(at)
            yield kind, name if len(trail.names) < 2 else f"{optimizer}: {name}", one != other
