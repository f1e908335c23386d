"""Every byte of a commit, read once more by other code than git's: GitPython's object database,
which is Python.

`export` checks each object against its name, and still everything it sees passes through one
program. What `verify --deep` says of a commit is said by a second reader of the same files. Its
import takes 60 ms, which is nothing here and too much for every command.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from reprobox.errors import SourceError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.source import commit_tree, git_objects, lfs, modules
from reprobox.source.clean_check import shown
from reprobox.source.repo import Repo, opened, resolve


@dataclass(frozen=True, kw_only=True)
class Reread:
    """What was read, and what of it is missing or is not what the commit names."""

    files: int
    damage: tuple[str, ...]


def reread(place: Repo | Path, commit: str, advance: Callable[[int], None]) -> Reread:
    """Reads a commit's files, those of its submodules and its LFS content.

    Args:
        advance: called with the number of bytes that were read.
    """
    try:
        repo = opened(place)
        parts = list(modules.every(repo, commit_tree.read_commit(repo, resolve(repo, commit))))
    except SourceError as error:
        return Reread(files=0, damage=(error.what,))
    damage: list[str] = []
    files = 0
    for prefix, inner, content in parts:
        entries = [entry for entry in content.entries if entry.mode != commit_tree.SUBMODULE]
        files += len(entries)
        for entry, fault in _faults(inner, entries, advance):
            damage.append(f"{shown(prefix + entry.path)}: {fault}")
    return Reread(files=files, damage=tuple(damage))


def _faults(
    repo: Repo, entries: list[commit_tree.Entry], advance: Callable[[int], None]
) -> Iterator[tuple[commit_tree.Entry, str]]:
    read = _by_gitpython(repo) if all(len(entry.oid) == 40 for entry in entries) else _by_git(repo)
    for entry in entries:
        try:
            start, size = read(entry.oid, advance)
        except _Unreadable as error:
            yield entry, str(error)
            continue
        pointer = lfs.pointer(start) if size < lfs.MAX_POINTER else None
        if pointer is not None and (fault := _content(repo, pointer)):
            yield entry, fault


class _Unreadable(Exception):
    """An object is missing or is not what its name says."""


Reader = Callable[[str, Callable[[int], None]], tuple[bytes, int]]
"""Reads an object whole and checks it; its first bytes (at least those of an LFS pointer) and its
size.
"""


def _by_gitpython(repo: Repo) -> Reader:
    from git.db import GitDB
    from gitdb.exc import BadObject, ODBError

    store: Any = GitDB(str(repo.common_dir / "objects"))

    def read(oid: str, advance: Callable[[int], None]) -> tuple[bytes, int]:
        try:
            found = store.stream(bytes.fromhex(oid))
            kind = found.type if isinstance(found.type, str) else found.type.decode()
            start, name = _hashed(oid, kind, found.size, found.read, advance)
        except BadObject as error:
            raise _Unreadable(f"the git object {oid} is missing") from error
        except (
            ODBError,
            zlib.error,
            struct.error,
            OSError,
            ValueError,
            AssertionError,
            IndexError,
            EOFError,
        ) as error:
            raise _Unreadable(
                f"the git object {oid} cannot be read: {type(error).__name__}: {error}"
            ) from error
        if name != oid:
            raise _Unreadable(f"the git object {oid} is damaged: its bytes have the name {name}")
        return start, found.size

    return read


def _hashed(
    oid: str, kind: str, size: int, read: Callable[[int], bytes], advance: Callable[[int], None]
) -> tuple[bytes, str]:
    """The first bytes of a stream, and the name that git gives to all of it."""
    hasher = git_objects.Hasher(oid, kind, size)
    start = b""
    while chunk := read(git_objects.CHUNK):
        start = start or chunk
        hasher.update(chunk)
        advance(len(chunk))
    return start, hasher.name()


def _by_git(repo: Repo) -> Reader:
    """For repositories that are named by SHA-256, which GitPython does not read."""

    def read(oid: str, advance: Callable[[int], None]) -> tuple[bytes, int]:
        try:
            data = repo.objects.one(oid, "blob")
        except SourceError as error:
            raise _Unreadable(error.what) from error
        advance(len(data))
        return data[: lfs.MAX_POINTER], len(data)

    return read


def _content(repo: Repo, pointer: lfs.Pointer) -> str | None:
    """What is wrong with the content that a pointer stands for."""
    place = lfs.find(repo, pointer)
    if place is None:
        return "its LFS content was not fetched"
    with place.open("rb") as file:
        return (
            None
            if hashlib.file_digest(file, "sha256").hexdigest() == pointer.sha256
            else "its LFS content is damaged"
        )
