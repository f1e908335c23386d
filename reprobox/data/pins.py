"""Declared inputs by content: what the run will read, pinned by sha256 before it starts.

A tree's digest is over its manifest: one canonical JSON line a path (`[path, kind, x-bit, size,
sha256]`), sorted by path bytes. Links inside a tree are recorded as text and never followed; a link
that is itself the declared input is followed once.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from reprobox.errors import InputError
from reprobox.kit import canon
from reprobox.model.ports import Bar, Objects, Progress
from reprobox.model.runspec import BOX, OUT, WORK, InputPin
from reprobox.model.spec import InputIntent

_CHUNK = 1 << 20
_MEMO_FROM = 16 << 20
"""Bytes from which a digest is remembered by (device, inode, size, times); smaller ones hash faster
than that.
"""
_NO_FILES, _MEMORY = ("/proc", "/sys", "/dev"), "/dev/shm"  # noqa: S108 - compared with, not written to
_OURS = (BOX, OUT, "/proc", "/sys", "/dev", "/run/secrets", "/etc/passwd", "/etc/group")
_WHOLE = ("/", WORK, "/etc", "/run")
_LISTED, _NAMED = 64 << 20, 5
"""Bytes of a tree's manifest up to which it is kept, half a million files; how many files of it are
named.
"""
_SETTLED = 2.0
"""Seconds that a file must have been left alone before its digest is remembered: below that, equal
times prove nothing.
"""


def target_of(path: str, workdir: str) -> str:
    """Where an input appears in the container: absolute as given, else below the working directory."""
    return os.path.normpath(path if path.startswith("/") else f"{WORK}/{workdir}/{path}")


def pin(
    intent: InputIntent,
    *,
    top: Path,
    workdir: str,
    tracked: bool,
    objects: Objects,
    progress: Progress,
    keep: Objects | None = None,
) -> InputPin:
    """Hashes an input where it is now.

    Args:
        objects: remembers the digests of large files.
        keep: keeps the manifest of a tree that is not part of the commit, so that `check` can say
            later which of its files changed.

    Raises:
        InputError: it is missing, unreadable, or neither a file nor a directory.
    """
    source = (top / Path(intent.source).expanduser()).resolve()
    blank = InputPin(
        path=target_of(intent.path, workdir),
        source=os.fspath(source),
        kind="file",
        digest="",
        size=0,
        tracked=tracked,
    )
    listed = _Listed()
    found = _measure(source, blank, objects, progress, listed)
    if (
        keep is not None
        and found.kind == "tree"
        and not tracked
        and listed.whole
        and not keep.has(found.digest)
    ):
        keep.put_bytes(b"".join(listed.lines))
    return found


def check(
    wanted: InputPin,
    source: Path,
    objects: Objects,
    progress: Progress,
    *,
    kept: Objects | None = None,
) -> str | None:
    """Why the bytes at `source` are not the input that was pinned; None when they are.

    Args:
        kept: where the manifests of trees are, for the names of the files that are others.
    """
    listed = _Listed()
    try:
        found = _measure(source, wanted, objects, progress, listed)
    except InputError as error:
        return f"{error.what}"
    if found.digest == wanted.digest:
        return None
    changes = (
        _changes(wanted, kept, listed)
        if kept is not None and found.kind == wanted.kind == "tree" and listed.whole
        else ""
    )
    return f"{source} has changed: {changes or f'recorded {wanted.digest}, found {found.digest}'}"


@dataclass
class _Listed:
    """The lines of a tree's manifest, as long as they are few enough to be kept."""

    lines: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, line: bytes) -> None:
        """One more."""
        self.size += len(line)
        if self.whole:
            self.lines.append(line)
        else:
            self.lines.clear()

    @property
    def whole(self) -> bool:
        """Whether all of them are here."""
        return self.size <= _LISTED


def _changes(wanted: InputPin, kept: Objects, listed: _Listed) -> str:
    """Which files of a tree changed, are missing, or are new; empty where the recorded manifest is
    not here.
    """
    if not kept.has(wanted.digest):
        return ""
    try:
        before, now = (
            _by_path(kept.path(wanted.digest).read_bytes().splitlines()),
            _by_path(listed.lines),
        )
    except (ValueError, TypeError, IndexError):
        return ""
    parts = (
        ("changed", [path for path in before if path in now and before[path] != now[path]]),
        ("missing", [path for path in before if path not in now]),
        ("new", [path for path in now if path not in before]),
    )
    return "; ".join(f"{len(paths):,} {what} ({_few(paths)})" for what, paths in parts if paths)


def _by_path(lines: Iterable[bytes]) -> dict[str, list[object]]:
    return {str(line[0]): line[1:] for line in map(canon.parse, lines)}


def _few(paths: list[str]) -> str:
    return ", ".join(paths[:_NAMED]) + (
        f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    )


def _measure(
    source: Path, blank: InputPin, objects: Objects, progress: Progress, listed: _Listed
) -> InputPin:
    _refuse(source, blank.path)
    try:
        mode = source.stat().st_mode
        if stat.S_ISREG(mode):
            with progress.task(f"hashing {source.name}", source.stat().st_size) as bar:
                return replace(
                    blank,
                    kind="file",
                    digest=_file_digest(source, objects, bar),
                    size=source.stat().st_size,
                    files=1,
                )
        if stat.S_ISDIR(mode):
            return _measure_tree(source, blank, objects, progress, listed)
    except OSError as error:
        raise InputError(
            f"input {blank.path} cannot be read: {source}",
            why=error.strerror or str(error),
            next_step="put it back, or correct `reprobox.inputs` in the config",
        ) from error
    raise InputError(
        f"input {blank.path} is neither a file nor a directory: {source}",
        next_step="correct `reprobox.inputs` in the config",
    )


def _refuse(source: Path, target: str) -> None:
    """Configs and records may be somebody else's: what would hand over the machine, or replace a
    part of the box, is no input.
    """
    home = Path.home()
    if source in (Path("/"), home, *home.parents):
        why = "That is everything of yours. Name the data that the run reads."
    elif any(source.is_relative_to(place) for place in _NO_FILES) and not source.is_relative_to(
        _MEMORY
    ):
        why = "What is there is made up by the kernel at each reading, so it cannot be pinned."
    elif (
        any(target == place or target.startswith(f"{place}/") for place in _OURS)
        or target in _WHOLE
    ):
        why = f"{target} in the container belongs to reprobox or to the system."
    else:
        return
    raise InputError(
        f"{source} cannot be the input {target}",
        why=why,
        next_step="correct `reprobox.inputs` in the config",
    )


def _measure_tree(
    source: Path, blank: InputPin, objects: Objects, progress: Progress, listed: _Listed
) -> InputPin:
    hasher, size, files = hashlib.sha256(), 0, 0
    with progress.task(f"hashing {source.name}/", None) as bar:
        for item in entries(source, blank.path, objects, bar):
            hasher.update(item.line)
            listed.add(item.line)
            size, files = size + item.size, files + 1
    return replace(
        blank, kind="tree", digest=f"sha256:{hasher.hexdigest()}", size=size, files=files
    )


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A path of an input tree, and its line in the tree's manifest."""

    path: Path
    kind: Literal["file", "link"]
    digest: str
    """Of the bytes, or of the link's text."""
    size: int
    """Bytes; 0 for a link."""
    line: bytes


def entries(source: Path, name: str, objects: Objects, bar: Bar) -> Iterator[Entry]:
    """Everything in an input tree, hashed, in order of the paths' bytes; the lines joined are the
    manifest that the digest is of.

    Args:
        name: the input, for messages.

    Raises:
        InputError: it holds something that is neither a file, a directory nor a link.
    """
    for below, path, info in sorted(_walk(source)):
        if stat.S_ISLNK(info.st_mode):
            digest, size, kind = str(canon.digest_bytes(os.fsencode(path.readlink()))), 0, "link"
        elif stat.S_ISREG(info.st_mode):
            digest, size, kind = _file_digest(path, objects, bar), info.st_size, "file"
        else:
            raise InputError(
                f"input {name} holds {path}, which is neither a file, a directory nor a link"
            )
        line = (
            canon.canonical([os.fsdecode(below), kind, bool(info.st_mode & 0o100), size, digest])
            + b"\n"
        )
        yield Entry(
            path=path,
            kind="link" if kind == "link" else "file",
            digest=digest,
            size=size,
            line=line,
        )


def _walk(top: Path) -> Iterator[tuple[bytes, Path, os.stat_result]]:
    pending = [top]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                else:
                    path = Path(entry.path)
                    yield (
                        os.fsencode(path.relative_to(top)),
                        path,
                        entry.stat(follow_symlinks=False),
                    )


def _file_digest(path: Path, objects: Objects, bar: Bar) -> str:
    info = path.stat()
    key = f"input/{info.st_dev}/{info.st_ino}/{info.st_size}/{info.st_mtime_ns}/{info.st_ctime_ns}"
    if info.st_size >= _MEMO_FROM and isinstance(known := objects.memo(key), str):
        bar.update(info.st_size)
        return known
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            bar.update(len(chunk))
    digest = f"sha256:{hasher.hexdigest()}"
    if info.st_size >= _MEMO_FROM and time.time() - max(info.st_mtime, info.st_ctime) > _SETTLED:
        objects.remember(key, digest)
    return digest
