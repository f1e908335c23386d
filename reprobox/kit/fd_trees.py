"""Directory trees as deep as a program likes: by directory descriptors, a few at a time, without
recursion, never through a link.

A path that is longer than the kernel takes (4096 bytes) still names something: every part of it can
be opened below the one before.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNER_ALL = 0o700
_AT_ONCE = 10_000
"""Names of a directory that are held in memory while they are removed."""


@contextlib.contextmanager
def opened(top: Path | str, parts: Sequence[str | bytes] = ()) -> Iterator[int]:
    """A descriptor of the directory that is reached from `top` by these names.

    Raises:
        OSError: one of them is not there, or is not a directory.
    """
    fd = os.open(top, DIRECTORY)
    try:
        for part in parts:
            inner = os.open(part, DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def upwards(path: str) -> Iterator[str]:
    """A relative path, and the directories above it."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def chmod(parent: int, name: str | bytes, mode: int) -> None:
    """Sets a mode without following a link, which `fchmodat` cannot do on Linux."""
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{fd}", mode)
    finally:
        os.close(fd)


def remove(path: Path) -> None:
    """Removes a tree that we own, or a file, even where a program took away our permissions inside
    it; absent is fine, and so is another process that removes the same.

    Directories are moved to the top and taken apart there, so that each is moved once and depth
    costs nothing. A removal that was cut off is begun again by the next call.
    """
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            _remove_directory(path)
        else:
            os.unlink(path)


def _remove_directory(path: Path) -> None:
    os.chmod(path, _OWNER_ALL)
    fresh = (f"{os.urandom(8).hex()}-{number}" for number in itertools.count())
    with opened(path) as top:
        while found := _some(top):
            for name, is_directory in found:
                with contextlib.suppress(FileNotFoundError):
                    _take_apart(top, name, fresh) if is_directory else os.unlink(name, dir_fd=top)
    os.rmdir(path)


def _take_apart(top: int, name: str, fresh: Iterator[str]) -> None:
    """Removes a directory of `top`; those in it become directories of `top`."""
    chmod(top, name, _OWNER_ALL)
    fd = os.open(name, DIRECTORY, dir_fd=top)
    try:
        while found := _some(fd):
            for inner, is_directory in found:
                if is_directory:
                    chmod(
                        fd, inner, _OWNER_ALL
                    )  # its `..` changes, which needs the right to write into it
                    os.rename(inner, next(fresh), src_dir_fd=fd, dst_dir_fd=top)
                else:
                    os.unlink(inner, dir_fd=fd)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=top)


def _some(fd: int) -> list[tuple[str, bool]]:
    """The first names of a directory, each with whether it is a directory itself."""
    with os.scandir(fd) as entries:
        return [
            (entry.name, entry.is_dir(follow_symlinks=False))
            for entry in itertools.islice(entries, _AT_ONCE)
        ]


def bytes_of(path: Path) -> int:
    """Bytes of a file or of all files of a tree; what is gone, or cannot be entered, counts as
    nothing.
    """
    try:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            return status.st_size
        return sum(_lengths(fd, names) for fd, names in _folders(path))
    except (FileNotFoundError, PermissionError):
        return 0


def _lengths(folder: int, names: Iterable[str]) -> int:
    total = 0
    for name in names:
        try:
            total += os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
        except (FileNotFoundError, PermissionError):
            continue
    return total


def _folders(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each directory's descriptor, for the moment, and the names in it that are not directories."""
    walk = _Walk(os.open(path, DIRECTORY))
    try:
        yield walk.fd, walk.names()
        while walk.go_on():
            yield walk.fd, walk.names()
    finally:
        os.close(walk.fd)


class _Walk:
    """Where a walk is, and what is still before it: down by names, up by `..`."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._levels: list[tuple[os.stat_result, list[str]]] = []

    def names(self) -> list[str]:
        """The names here that are not directories; the others are kept for `go_on`."""
        with os.scandir(self.fd) as entries:
            inside = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        self._levels.append(
            (os.fstat(self.fd), [name for name, is_directory in inside if is_directory])
        )
        return [name for name, is_directory in inside if not is_directory]

    def go_on(self) -> bool:
        """To the next directory; False at the end, or when what is walked is moved."""
        while self._levels:
            names = self._levels[-1][1]
            if names:
                if self._to(names.pop()):
                    return True
                continue
            self._levels.pop()
            if self._levels and not (
                self._to("..") and os.path.samestat(os.fstat(self.fd), self._levels[-1][0])
            ):
                return False
        return False

    def _to(self, name: str) -> bool:
        try:
            fd = os.open(name, DIRECTORY, dir_fd=self.fd)
        except (FileNotFoundError, PermissionError, NotADirectoryError):
            return False
        os.close(self.fd)
        self.fd = fd
        return True
