"""The second look at inputs, when a run has ended: whether the files that it read stayed what was
hashed.

What was mounted is noted with the run (`inputs.json`), because another process may collect it. A
file whose stamp moved, or was too young to prove anything, is hashed again. Between the two looks a
file may have had other bytes and got the first ones back; so one that was written is reported even
where its bytes are those that were hashed.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from reprobox.data import pins, tree
from reprobox.data.mounting import Mounted
from reprobox.data.tree import Seen, Stamp
from reprobox.errors import InputError

NAME = "inputs.json"
_FORMAT = "reprobox.inputs/2"
_NAMED = 20
"""Paths of each kind that a record names."""


class _Row(NamedTuple):
    """A path as it was hashed. A list in the note: there may be many, and they are read once."""

    path: str
    kind: tree.Kind
    where: str
    digest: str
    executable: bool
    settled: bool
    stamp: list[int] | None
    """Device, inode, size, and the times of change of the bytes and of the file, of a file."""


class _Look(NamedTuple):
    path: str
    listed: str | None
    version: int
    rows: list[_Row]


def note(run_dir: Path, mounted: Iterable[tuple[Mounted, int]]) -> None:
    """Writes down what is to be looked at again; nothing where there is nothing.

    Args:
        mounted: each input with the version of its manifest.
    """
    looks = [
        _Look(
            one.path,
            os.fspath(one.listed) if one.listed else None,
            version,
            [_row(seen) for seen in one.rows],
        )
        for one, version in mounted
        if one.rows or one.listed
    ]
    if looks:
        (run_dir / NAME).write_text(json.dumps({"format": _FORMAT, "looks": looks}), "ascii")


def _row(one: Seen) -> _Row:
    stamp = None if one.stamp is None else _numbers(one.stamp)
    return _Row(one.path, one.kind, one.where, one.digest, one.executable, one.settled, stamp)


def _numbers(stamp: Stamp) -> list[int]:
    return [stamp.device, stamp.inode, stamp.size, stamp.mtime, stamp.ctime]


def _noted(run_dir: Path) -> list[_Look]:
    """Raises OSError and ValueError where there is nothing that can be read."""
    document = json.loads((run_dir / NAME).read_bytes())
    try:
        if document["format"] == _FORMAT:
            return [
                _Look(path, listed, version, [_Row(*row) for row in rows])
                for path, listed, version, rows in document["looks"]
            ]
        return [
            _Look(one["path"], one.get("listed"), one["version"], list(map(_old_row, one["rows"])))
            for one in document["looks"]
        ]
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(str(fault)) from fault


def _old_row(row: dict[str, Any]) -> _Row:
    """Of a run that a reprobox from before this form has begun."""
    stamp = row.get("stamp")
    return _Row(
        row["path"],
        row["kind"],
        row["where"],
        row["digest"],
        row.get("executable", False),
        row.get("settled", True),
        stamp and _numbers(Stamp(**stamp)),
    )


def look(run_dir: Path) -> list[dict[str, object]]:
    """What of the inputs changed since they were hashed, as `model.observed.InputChange`. Empty
    where nothing did, or where the note is gone.
    """
    try:
        noted = _noted(run_dir)
    except (OSError, ValueError):
        return []
    return [found for one in noted if (found := _changed(one))]


def _changed(one: _Look) -> dict[str, object] | None:
    found: dict[str, list[str]] = {
        what: [] for what in ("changed", "missing", "new", "rewritten", "unreadable")
    }
    if one.listed is not None:
        _compare_names(one, found)
    known = {*found["missing"], *found["changed"]}
    for row in one.rows if "" not in known else ():
        if row.kind == "file" and row.path not in known and (what := _state(row)):
            found[what].append(row.path)
    if not any(found.values()):
        return None
    counts = {what: len(paths) for what, paths in found.items() if paths}
    named = {what: sorted(paths)[:_NAMED] for what, paths in found.items() if paths}
    return {"path": one.path, "counts": counts, **named}


def _compare_names(one: _Look, found: dict[str, list[str]]) -> None:
    """Which paths came, went, or became something else; a link's text is compared here too."""
    listed = Path(str(one.listed))
    try:
        if not stat.S_ISDIR(os.stat(listed).st_mode):
            return
    except (FileNotFoundError, NotADirectoryError):
        found["missing"].append("")
        return
    except OSError:
        found["unreadable"].append("")
        return
    try:
        places = tree.places(listed, one.path, version=one.version)
    except (OSError, InputError):
        found["unreadable"].append("")
        return
    now = {os.fsdecode(place.path): _shape(place.kind, place.where) for place in places}
    before: dict[str, list[object]] = {
        row.path: [row.kind, row.digest if row.kind == "link" else ""] for row in one.rows
    }
    found.update(pins.compared(before, now))


def _shape(kind: str, where: str) -> list[object]:
    return [kind, tree.link_digest(where) if kind == "link" else ""]


def _state(row: _Row) -> str:
    """Why a file is not as it was hashed; empty where it is."""
    try:
        info = os.stat(row.where)
        now = Stamp.of(info)
        if row.settled and _numbers(now) == row.stamp:
            return ""
        if tree.digest_of(row.where, now, None, tree.Silent()) != row.digest:
            return "changed"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"
    if row.executable != bool(info.st_mode & 0o100):
        return "changed"
    written = row.stamp is None or [now.inode, now.mtime] != [row.stamp[1], row.stamp[3]]
    return "rewritten" if written else ""
