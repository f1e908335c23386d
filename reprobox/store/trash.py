"""Removed runs: a run that `rm` removes stays in its place, marked, until `gc` deletes it.

The mark is a file in `runs/`, next to the run's directory: published and synced like every other
document, so a removal and its undo are each one durable step. Lists of runs leave out those
that are marked; `gc` still keeps the objects that they need.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from reprobox.kit import files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.store import layout, run_ids

KEPT_FOR = 30 * 24 * 3600.0
"""Seconds after which `gc` deletes a removed run, as `git gc` does with unreachable reflog entries
(git-config, gc.reflogExpireUnreachable).
"""
_SUFFIX = ".removed"


@dataclass(frozen=True, kw_only=True)
class Removal:
    """The mark: when the run was removed, seconds since 1970."""

    FORMAT: ClassVar[str] = "reprobox.removed/1"

    format: str = FORMAT
    at: float


def mark_of(folder: Path, run_id: str) -> Path:
    """The mark of a run in `runs/`."""
    return folder / f"{run_id}{_SUFFIX}"


def is_removed(folder: Path, run_id: str) -> bool:
    """Whether the run is marked as removed."""
    return layout.exists(f"{folder}/{run_id}{_SUFFIX}")


def living(names: Iterable[str]) -> set[str]:
    """The run ids among the names in `runs/` that no mark is for."""
    found = set(names)
    return {name for name in found if run_ids.is_id(name) and f"{name}{_SUFFIX}" not in found}


def marked(names: Iterable[str]) -> list[str]:
    """The run ids that marks among the names in `runs/` are for, oldest run first."""
    ids = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
    return sorted(run_id for run_id in ids if run_ids.is_id(run_id))


def mark(folder: Path, run_id: str, at: float) -> None:
    """Marks a run as removed, durably. Raises FileExistsError when it is marked already."""
    files.publish(mark_of(folder, run_id), codec.encode(Removal(at=at)))


def unmark(folder: Path, run_id: str) -> None:
    """Takes the mark away, durably; absent is fine."""
    mark_of(folder, run_id).unlink(missing_ok=True)
    files.fsync_dir(folder)


def read(folder: Path, run_id: str) -> Removal:
    """Reads a run's mark. Raises FileNotFoundError when it has none."""
    path = mark_of(folder, run_id)
    with layout.trouble(f"reading {path}"):
        data = path.read_bytes()
    return codec.decode(Removal, data, where=str(path))
