"""What a run left: found by directory descriptors, moved by rename, described as data, and never
followed.

Two passes. The first moves everything that the commit does not have from the run's work tree to
`outputs/`; the second describes what lies in `outputs/`. So a collection that was cut off is simply
made again, with the same result. A program may leave anything: links to host files, devices,
set-user-id files, directories without permissions, names that are not text. Links are recreated as
text, special files are refused by name, set-id bits are stripped.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from reprobox.kit import canon, fd_trees
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.outcome import OutputFile
from reprobox.model.ports import Bar
from reprobox.store import layout

MAX_DEPTH = 200
"""Directories below each other."""
MAX_PATH = 3000
"""Bytes of an output's path: with the place of nearly any store before it, it is a path that the
kernel takes.
"""
_KERNEL_TAKES, _ROOM = 4095, 128
"""Bytes of a whole path; and of them so many for places that are named longer than a run's
`outputs`, as while a run is removed.
"""
_CHUNK = 1 << 20
_OWNER_ALL = 0o700
_SPECIAL = {
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}

Exported = Mapping[str, tuple[str, int, str]]
"""Path to (`file` or `link`, mode, `sha256:...` of the bytes or of the link's text), as the commit
was exported.
"""


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was found: outputs in order of their path's bytes, `path: reason` of what was refused,
    tracked paths that are gone.
    """

    outputs: tuple[OutputFile, ...]
    refused: tuple[str, ...]
    deleted: tuple[str, ...]


@dataclass
class _Walk:
    exported: Exported
    mounted: frozenset[str]
    longest: int
    bar: Bar | None
    refused: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


class _Target:
    """A directory below `outputs` that is created when the first thing is moved into it."""

    def __init__(self, work: Path, outputs: Path, parts: list[str]) -> None:
        self._work, self._outputs, self._parts = work, outputs, parts
        self._stack = contextlib.ExitStack()
        self._fd: int | None = None

    def fd(self) -> int:
        """Its descriptor; created now if it was not."""
        if self._fd is None:
            try:
                self._fd = self._stack.enter_context(fd_trees.opened(self._outputs, self._parts))
            except FileNotFoundError:
                for depth in range(1, len(self._parts) + 1):
                    self._make(self._parts[:depth])
                return self.fd()
        return self._fd

    def _make(self, parts: list[str]) -> None:
        *above, name = parts
        with fd_trees.opened(self._outputs, above) as parent, contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=parent)
            with fd_trees.opened(self._work, parts) as source:
                mode = os.fstat(source).st_mode
            # After mkdir, because that one obeys the umask. The owner must be able to read what is
            # there.
            fd_trees.chmod(parent, name, mode & 0o777 | _OWNER_ALL)

    def __enter__(self) -> _Target:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def collect(
    work: Path, exported: Exported, mounted: Collection[str], outputs: Path, bar: Bar | None = None
) -> Collected:
    """Moves what the run created or changed to `outputs`, and describes it.

    Args:
        work: the tree that the run had, no longer used by anybody; none when the run died before it
            was laid out.
        exported: what was in it before the run.
        mounted: paths in it that were mount points of inputs, which the engine may have created;
            left alone with all below.
        outputs: a directory on the same file system; created if absent.
        bar: moved by the bytes that are read.

    Raises:
        StoreError: the operating system refused something; what was moved stays moved, and
            collecting again continues.
    """
    longest = min(MAX_PATH, _KERNEL_TAKES - _ROOM - len(os.fsencode(outputs.absolute())))
    walk = _Walk(exported, frozenset(path.strip("/") for path in mounted), longest, bar)
    with layout.trouble(f"collecting the outputs in {work}"):
        outputs.mkdir(exist_ok=True)
        if layout.exists(work):
            _move_changed(walk, work, outputs)
        found = sorted(_describe(outputs, bar), key=lambda file: os.fsencode(file.path))
    known = walk.seen | {file.path for file in found}
    unseen = walk.mounted | {line.rpartition(": ")[0] for line in walk.refused}
    gone = sorted(
        path for path in exported.keys() - known if unseen.isdisjoint(fd_trees.upwards(path))
    )
    return Collected(outputs=tuple(found), refused=tuple(sorted(walk.refused)), deleted=tuple(gone))


def _parts(prefix: str) -> list[str]:
    return prefix.split("/")[:-1]


def _move_changed(walk: _Walk, work: Path, outputs: Path) -> None:
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with (
            fd_trees.opened(work, _parts(prefix)) as source,
            _Target(work, outputs, _parts(prefix)) as target,
        ):
            names = os.listdir(source)
            if not names and prefix:
                target.fd()
            for name in names:
                path = prefix + name
                if path not in walk.mounted and _moved(walk, source, name, path, target):
                    waiting.append(f"{path}/")


def _moved(walk: _Walk, source: int, name: str, path: str, target: _Target) -> bool:
    """Moves an entry, or leaves it, or refuses it; whether it is a directory to look into."""
    try:
        return _move_entry(walk, source, name, path, target)
    except PermissionError:
        owner = os.stat(name, dir_fd=source, follow_symlinks=False).st_uid
        walk.refused.append(f"{path}: permission denied, owner {owner}")
        return False


def _move_entry(walk: _Walk, source: int, name: str, path: str, target: _Target) -> bool:
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    mode = status.st_mode
    if path in walk.exported:
        walk.seen.add(path)
    if stat.S_ISDIR(mode):
        return _enters(walk, source, name, path, mode)
    if not stat.S_ISLNK(mode) and not stat.S_ISREG(mode):
        walk.refused.append(f"{path}: {_SPECIAL.get(stat.S_IFMT(mode), 'unknown kind of file')}")
    elif not _as_exported(walk.exported.get(path), source, name, mode, walk.bar):
        if _too_long(walk, path):
            return False
        _require_ours(status)
        os.rename(name, name, src_dir_fd=source, dst_dir_fd=target.fd())
    return False


def _too_long(walk: _Walk, path: str) -> bool:
    """Refuses what no later command could name: comparing, exporting and unpacking go by paths."""
    if len(os.fsencode(path)) <= walk.longest:
        return False
    walk.refused.append(f"{path}: path too long")
    return True


def _require_ours(status: os.stat_result) -> None:
    """Only what we own can be made readable and freed of set-id bits; root can do that to all."""
    if os.geteuid() not in (0, status.st_uid):
        raise PermissionError


def _enters(walk: _Walk, source: int, name: str, path: str, mode: int) -> bool:
    """Whether a directory is to be looked into. Raises PermissionError where it cannot be."""
    if path.count("/") >= MAX_DEPTH:
        walk.refused.append(f"{path}: more than {MAX_DEPTH} directories deep")
        return False
    if _too_long(walk, path):
        return False
    if mode & _OWNER_ALL != _OWNER_ALL:
        fd_trees.chmod(source, name, stat.S_IMODE(mode) | _OWNER_ALL)
    os.close(os.open(name, fd_trees.DIRECTORY, dir_fd=source))
    return True


def _as_exported(
    expected: tuple[str, int, str] | None, parent: int, name: str, mode: int, bar: Bar | None
) -> bool:
    """Whether an entry is what the commit has: kind, execute bit and bytes. Times and sizes prove
    nothing.
    """
    if expected is None:
        return False
    kind, mode_then, sha256 = expected
    if stat.S_ISLNK(mode):
        return kind == "link" and _digest_of_link(parent, name)[0] == sha256
    same_kind = kind == "file" and bool(mode & 0o111) == bool(mode_then & 0o111)
    return same_kind and _digest_of_file(parent, name, mode, bar)[0] == sha256


def _digest_of_link(parent: int, name: str) -> tuple[str, int]:
    text = os.readlink(os.fsencode(name), dir_fd=parent)
    return canon.digest_bytes(text), len(text)


def _digest_of_file(parent: int, name: str, mode: int, bar: Bar | None) -> tuple[str, int]:
    """Digest and size. A file without permission to read is given it first: the owner is us."""
    if not mode & stat.S_IRUSR:
        fd_trees.chmod(parent, name, mode & 0o777 | stat.S_IRUSR)
    hasher = hashlib.sha256()
    size = 0
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    try:
        while chunk := os.read(fd, _CHUNK):
            hasher.update(chunk)
            size += len(chunk)
            if bar:
                bar.update(len(chunk))
    finally:
        os.close(fd)
    return "sha256:" + hasher.hexdigest(), size


def _describe(outputs: Path, bar: Bar | None) -> Iterator[OutputFile]:
    """Everything in `outputs`, where only directories, links and regular files are."""
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with fd_trees.opened(outputs, _parts(prefix)) as folder:
            names = os.listdir(folder)
            if not names and prefix:
                mode = os.fstat(folder).st_mode & 0o777
                yield OutputFile(
                    path=prefix[:-1], kind="dir", size=0, mode=mode, sha256=canon.digest_bytes(b"")
                )
            for name in names:
                mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    waiting.append(f"{prefix}{name}/")
                else:
                    yield _described(folder, name, prefix + name, mode, bar)


def _described(folder: int, name: str, path: str, mode: int, bar: Bar | None) -> OutputFile:
    if stat.S_ISLNK(mode):
        sha256, size = _digest_of_link(folder, name)
        return OutputFile(path=path, kind="link", size=size, mode=0o777, sha256=sha256)
    sha256, size = _digest_of_file(folder, name, mode, bar)
    kept = mode & 0o777 | stat.S_IRUSR
    if stat.S_IMODE(mode) != kept:
        fd_trees.chmod(folder, name, kept)
    return OutputFile(path=path, kind="file", size=size, mode=kept, sha256=sha256)
