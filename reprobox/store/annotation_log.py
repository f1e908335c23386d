"""annotations.log: names, tags and notes that were given to runs after they were recorded.

A line is a JSON object: `run`, `at` (seconds since 1970), `by`, and one of `name`, `tag`, `untag`,
`note`. Lines are only added; the record itself never changes. Of several names, the one with the
latest `at` is valid, wherever it stands: so the logs of two projects can be merged.
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from reprobox.errors import ReproboxError, StoreDamaged
from reprobox.kit import files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.later import later
from reprobox.store import layout
from reprobox.store.run_row import RunRow

LOG = "annotations.log"
FOLDER = "annotations"
"""As a part of a run that travels: a document for each line."""
_WORDS = ("name", "tag", "untag", "note")
_LONGEST = 100_000
"""Characters of one entry that comes from elsewhere."""


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


def rewrite(root: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Writes each entry anew, for a copy that is handed on; lines that cannot be read are left out.

    Raises:
        StoreError: they could not be written.
    """
    entries = [dict(one) for those in _entries(root, size(root)).values() for one in those]
    if entries:
        (root / LOG).unlink()
        add(root, map(change, entries))
        _entries.cache_clear()


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def size(root: Path) -> int:
    """Bytes of the log; 0 where there is none.

    Raises:
        StoreError: it may not be looked at.
    """
    with layout.trouble("reading annotations"):
        try:
            return (root / LOG).stat().st_size
        except FileNotFoundError:
            return 0


def read(root: Path) -> dict[str, Annotation]:
    """Every run's annotation. A line that cannot be read (cut off by a crash) is left out.

    Raises:
        StoreError: the log cannot be read.
    """
    found: dict[str, Annotation] = {}
    for run, entries in _entries(root, size(root)).items():
        for entry in entries:
            try:
                found[run] = _after(found.get(run, Annotation()), entry)
            except (KeyError, TypeError, ValueError):
                continue
    return found


@functools.lru_cache(maxsize=2)
def _entries(root: Path, _size: int) -> Mapping[str, list[Mapping[str, Any]]]:
    """The entries of each run, the earliest first; read again when the log has grown."""
    with layout.trouble("reading annotations"):
        try:
            data = (root / LOG).read_bytes()
        except FileNotFoundError:
            return {}
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in data.splitlines():
        try:
            entry = json.loads(line)
            found[str(entry["run"])].append({**entry, "at": float(entry.get("at") or 0)})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return {run: sorted(entries, key=lambda one: one["at"]) for run, entries in found.items()}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the log as a document of a run that travels."""

    FORMAT: ClassVar[str] = "reprobox.annotation/1"

    format: str = FORMAT
    at: float
    by: str
    name: str | None = later(None)
    tag: str | None = later(None)
    untag: str | None = later(None)
    note: str | None = later(None)


def documents(root: Path, run_id: str) -> list[bytes]:
    """The entries of a run, each as a document, the earliest first."""
    from reprobox.model import codec

    found = []
    for entry in _entries(root, size(root)).get(run_id, ()):
        said = {word: entry[word] for word in _WORDS if isinstance(entry.get(word), str)}
        if len(said) == 1:
            found.append(codec.encode(Entry(at=entry["at"], by=str(entry.get("by", "")), **said)))
    return found


def decode(data: bytes, *, where: str, error: type[ReproboxError] = StoreDamaged) -> Entry:
    """Reads a document.

    Raises:
        error: it is not one, or says what no command of reprobox writes.
        NewerFormat: it was written by a newer reprobox.
    """
    from reprobox.model import codec

    entry = codec.decode(Entry, data, where=where, error=error)
    said = [text for word in _WORDS if (text := getattr(entry, word)) is not None]
    breaks = any("\n" in (text or "") for text in (entry.name, entry.tag, entry.untag))
    if len(said) != 1 or len(data) > _LONGEST or breaks or not math.isfinite(entry.at):
        raise error(f"{where} is not a name, a tag or a note")
    return entry


def merge(root: Path, run_id: str, came: Iterable[bytes]) -> bool:
    """Adds entries that came with a run and are not in the log; whether there were any.

    Args:
        came: documents that `decode` has accepted.
    """
    known = set(documents(root, run_id))
    new = [data for data in dict.fromkeys(came) if data not in known]
    entries = [decode(data, where="an annotation") for data in new]
    if entries:
        add(root, [{"run": run_id, **_said(entry)} for entry in entries])
    return bool(entries)


def _said(entry: Entry) -> dict[str, Any]:
    said = {word: text for word in _WORDS if (text := getattr(entry, word)) is not None}
    return {"at": entry.at, "by": entry.by, **said}


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
