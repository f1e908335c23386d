"""annotations.log: names, tags and notes that were given to runs after they were recorded.

A line is a JSON object: `run`, `at` (seconds since 1970), `by`, and one of `name`, `tag`, `untag`,
`note`. Lines are only added; the record itself never changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reprobox.kit import files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.store import layout
from reprobox.store.run_row import RunRow

LOG = "annotations.log"


@dataclass(frozen=True, kw_only=True)
class Note:
    """A text that someone wrote about a run."""

    text: str
    at: float
    by: str


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What was said of a run after its record was written."""

    name: str | None = None
    """The last name; empty where the name was taken away; None where none was given."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    def applied(self, row: RunRow) -> RunRow:
        """A row with the name and tags that are valid now."""
        tags = [tag for tag in row.tags if tag not in self.removed]
        tags += [tag for tag in self.added if tag not in tags]
        name = row.name if self.name is None else self.name or None
        return replace(row, name=name, tags=tuple(tags))


def add(root: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Appends entries, all or none of them.

    Raises:
        StoreError: they could not be written.
    """
    lines = "".join(f"{json.dumps(dict(entry), sort_keys=True)}\n" for entry in entries)
    path = root / LOG
    with layout.trouble("writing annotations"), files.locked(root / "annotations.lock"):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            end = os.fstat(fd).st_size
            if end and not _ends_a_line(path):
                lines = "\n" + lines  # an entry that a crash cut off stays a line of its own
            try:
                _write_all(fd, lines.encode())
                os.fsync(fd)
            except OSError:
                os.ftruncate(fd, end)
                raise
        finally:
            os.close(fd)
        files.fsync_dir(root)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def size(root: Path) -> int:
    """Bytes of the log; 0 where there is none."""
    try:
        return (root / LOG).stat().st_size
    except FileNotFoundError:
        return 0


def read(root: Path) -> dict[str, Annotation]:
    """Every run's annotation. A line that cannot be read (cut off by a crash) is left out."""
    try:
        data = (root / LOG).read_bytes()
    except FileNotFoundError:
        return {}
    found: dict[str, Annotation] = {}
    for line in data.splitlines():
        try:
            entry = json.loads(line)
            run = str(entry["run"])
            found[run] = _after(found.get(run, Annotation()), entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return found


def _after(before: Annotation, entry: Mapping[str, Any]) -> Annotation:
    if "name" in entry:
        return replace(before, name=str(entry["name"] or ""))
    if "note" in entry:
        note = Note(
            text=str(entry["note"]), at=float(entry.get("at") or 0), by=str(entry.get("by") or "")
        )
        return replace(before, notes=(*before.notes, note))
    tag = str(entry["tag"] if "tag" in entry else entry["untag"])
    if "tag" in entry:
        added, removed = (*_without(before.added, tag), tag), _without(before.removed, tag)
    else:
        added, removed = _without(before.added, tag), (*_without(before.removed, tag), tag)
    return replace(before, added=added, removed=removed)


def _without(tags: tuple[str, ...], tag: str) -> tuple[str, ...]:
    return tuple(one for one in tags if one != tag)
