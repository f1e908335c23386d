"""What a run left: found by directory descriptors, moved by rename, described as data, and never followed.

Two passes. The first moves everything that the commit does not have from the run's work tree to `outputs/`; the second describes
what lies in `outputs/`. So a collection that was cut off is simply made again, with the same result.
A program may leave anything: links to host files, devices, set-user-id files, directories without permissions, names that are not
text. Links are recreated as text, special files are refused by name, set-id bits are stripped.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reprobox.kit import canon
from reprobox.model.outcome import OutputFile
from reprobox.store import layout

MAX_DEPTH = 200
"""Directories below each other; each costs an open descriptor, and the usual limit is 1024."""
_CHUNK = 1 << 20
_OWNER_ALL = 0o700
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SPECIAL = {stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket", stat.S_IFCHR: "character device", stat.S_IFBLK: "block device"}

Exported = Mapping[str, tuple[str, int, str]]
"""Path to (`file` or `link`, mode, `sha256:...` of the bytes or of the link's text), as the commit was exported."""


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was found: outputs in order of their path's bytes, `path: reason` of what was refused, tracked paths that are gone."""

    outputs: tuple[OutputFile, ...]
    refused: tuple[str, ...]
    deleted: tuple[str, ...]


@dataclass
class _Walk:
    exported: Exported
    mounted: frozenset[str]
    refused: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


class _Target:
    """A directory below `outputs` that is created when the first thing is moved into it."""

    def __init__(self, make: Callable[[], int], stack: contextlib.ExitStack) -> None:
        self._make, self._stack = make, stack
        self._fd: int | None = None

    def fd(self) -> int:
        """Its descriptor; created now if it was not."""
        if self._fd is None:
            self._fd = self._make()
            self._stack.callback(os.close, self._fd)
        return self._fd


def collect(work: Path, exported: Exported, mounted: Collection[str], outputs: Path) -> Collected:
    """Moves what the run created or changed to `outputs`, and describes it.

    Args:
        work: the tree that the run had, no longer used by anybody; none when the run died before it was laid out.
        exported: what was in it before the run.
        mounted: paths in it that were mount points of inputs, which the engine may have created; left alone with all below.
        outputs: a directory on the same file system; created if absent.

    Raises:
        StoreError: the operating system refused something; what was moved stays moved, and collecting again goes on.
    """
    walk = _Walk(exported, frozenset(path.strip("/") for path in mounted))
    with layout.trouble(f"collecting the outputs in {work}"), contextlib.ExitStack() as stack:
        outputs.mkdir(exist_ok=True)
        target = _Target(lambda: os.open(outputs, _DIRECTORY), stack)
        if layout.exists(work):
            _move_changed(walk, _open_dir(work, None, stack), "", target, 0)
        found = sorted(_describe(target.fd(), ""), key=lambda file: os.fsencode(file.path))
    kept = {file.path for file in found}
    gone = sorted(path for path in exported if path not in walk.seen and path not in kept)
    return Collected(outputs=tuple(found), refused=tuple(sorted(walk.refused)), deleted=tuple(gone))


def _open_dir(name: str | Path, parent: int | None, stack: contextlib.ExitStack) -> int:
    """A directory's descriptor, never through a link; closed with the stack."""
    fd = os.open(name, _DIRECTORY, dir_fd=parent)
    stack.callback(os.close, fd)
    return fd


def _chmod(parent: int, name: str, mode: int) -> None:
    """Sets a mode without following a link, which `fchmodat` cannot do on Linux."""
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{fd}", mode)
    finally:
        os.close(fd)


def _move_changed(walk: _Walk, source: int, prefix: str, target: _Target, depth: int) -> None:
    names = os.listdir(source)
    if not names and prefix:
        target.fd()
    for name in names:
        path = prefix + name
        if path in walk.mounted:
            continue
        try:
            _move_entry(walk, source, name, path, target, depth)
        except PermissionError:
            owner = os.stat(name, dir_fd=source, follow_symlinks=False).st_uid
            walk.refused.append(f"{path}: permission denied, owner {owner}")


def _move_entry(walk: _Walk, source: int, name: str, path: str, target: _Target, depth: int) -> None:
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    mode = status.st_mode
    if path in walk.exported:
        walk.seen.add(path)
    if stat.S_ISDIR(mode):
        _enter(walk, source, name, path, target, mode, depth)
    elif stat.S_ISLNK(mode) or stat.S_ISREG(mode):
        if not _as_exported(walk.exported.get(path), source, name, mode):
            _require_ours(status)
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target.fd())
    else:
        walk.refused.append(f"{path}: {_SPECIAL.get(stat.S_IFMT(mode), 'unknown kind of file')}")


def _require_ours(status: os.stat_result) -> None:
    """Only what we own can be made readable and freed of set-id bits; root can do that to all."""
    if os.geteuid() not in (0, status.st_uid):
        raise PermissionError


def _enter(walk: _Walk, source: int, name: str, path: str, target: _Target, mode: int, depth: int) -> None:
    if depth >= MAX_DEPTH:
        walk.refused.append(f"{path}: more than {MAX_DEPTH} directories deep")
        return
    if mode & _OWNER_ALL != _OWNER_ALL:
        _chmod(source, name, stat.S_IMODE(mode) | _OWNER_ALL)
    with contextlib.ExitStack() as stack:

        def make() -> int:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=target.fd())
                # After mkdir, because that one obeys the umask. The owner must be able to read what is there.
                _chmod(target.fd(), name, mode & 0o777 | _OWNER_ALL)
            return os.open(name, _DIRECTORY, dir_fd=target.fd())

        _move_changed(walk, _open_dir(name, source, stack), path + "/", _Target(make, stack), depth + 1)


def _as_exported(expected: tuple[str, int, str] | None, parent: int, name: str, mode: int) -> bool:
    """Whether an entry is what the commit has: kind, execute bit and bytes. Times and sizes prove nothing."""
    if expected is None:
        return False
    kind, mode_then, sha256 = expected
    if stat.S_ISLNK(mode):
        return kind == "link" and _digest_of_link(parent, name)[0] == sha256
    return kind == "file" and bool(mode & 0o111) == bool(mode_then & 0o111) and _digest_of_file(parent, name, mode)[0] == sha256


def _digest_of_link(parent: int, name: str) -> tuple[str, int]:
    text = os.readlink(os.fsencode(name), dir_fd=parent)
    return canon.digest_bytes(text), len(text)


def _digest_of_file(parent: int, name: str, mode: int) -> tuple[str, int]:
    """Digest and size. A file without permission to read is given it first: the owner is us."""
    if not mode & stat.S_IRUSR:
        _chmod(parent, name, mode & 0o777 | stat.S_IRUSR)
    hasher = hashlib.sha256()
    size = 0
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    try:
        while chunk := os.read(fd, _CHUNK):
            hasher.update(chunk)
            size += len(chunk)
    finally:
        os.close(fd)
    return "sha256:" + hasher.hexdigest(), size


def _describe(folder: int, prefix: str) -> Iterator[OutputFile]:
    """Everything below a directory of `outputs`, where only directories, links and regular files are."""
    for name in os.listdir(folder):
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            yield from _describe_directory(folder, name, prefix, mode)
        elif stat.S_ISLNK(mode):
            sha256, size = _digest_of_link(folder, name)
            yield OutputFile(path=prefix + name, kind="link", size=size, mode=0o777, sha256=sha256)
        else:
            sha256, size = _digest_of_file(folder, name, mode)
            kept = mode & 0o777 | stat.S_IRUSR
            if stat.S_IMODE(mode) != kept:
                _chmod(folder, name, kept)
            yield OutputFile(path=prefix + name, kind="file", size=size, mode=kept, sha256=sha256)


def _describe_directory(parent: int, name: str, prefix: str, mode: int) -> Iterator[OutputFile]:
    with contextlib.ExitStack() as stack:
        inner = _open_dir(name, parent, stack)
        found = False
        for file in _describe(inner, f"{prefix}{name}/"):
            found = True
            yield file
    if not found:
        yield OutputFile(path=prefix + name, kind="dir", size=0, mode=mode & 0o777, sha256=canon.digest_bytes(b""))
