"""A commit and everything in it, read from verified objects: the commit names its tree, the tree
names its entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import NamedTuple

from reprobox.errors import SourceError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.source import git_objects
from reprobox.source.repo import Repo, text

TREE, FILE, EXECUTABLE, LINK, SUBMODULE = 0o040000, 0o100644, 0o100755, 0o120000, 0o160000
_MODES = {
    TREE: TREE,
    FILE: FILE,
    0o100664: FILE,
    EXECUTABLE: EXECUTABLE,
    LINK: LINK,
    SUBMODULE: SUBMODULE,
}
MAX_ENTRIES = 2_000_000
"""A tree that contains itself by name a few times over can stand for more files than there are
disks.
"""
MAX_DEPTH = 512
_REMEMBERED = 8
"""Commits that a Repo remembers; one of 100,000 files takes some 30 MB."""
_COMMITTER = regex(rb"^committer [^\n]*> (\d{1,12}) [-+]\d{4}$", re.MULTILINE)


class Entry(NamedTuple):
    """One path of a commit."""

    path: bytes
    mode: int
    oid: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A commit with its flat list of files, links and submodules, and of the trees that lead to
    them.
    """

    commit: str
    tree: str
    time: int
    entries: tuple[Entry, ...]
    trees: frozenset[str]

    @cached_property
    def by_path(self) -> dict[bytes, Entry]:
        """Files, links and submodules."""
        return {entry.path: entry for entry in self.entries}

    @cached_property
    def directories(self) -> frozenset[bytes]:
        """Directories that hold something, without the top."""
        found: set[bytes] = set()
        for entry in self.entries:
            path = entry.path.rpartition(b"/")[0]
            while path and path not in found:
                found.add(path)
                path = path.rpartition(b"/")[0]
        return frozenset(found)


def read_commit(repo: Repo, commit: str) -> Snapshot:
    """A commit, whole; read from a repository once.

    Args:
        commit: its full name.

    Raises:
        SourceError: an object is missing, damaged, or holds a path that no work tree may have.
    """
    if commit not in repo.commits:
        while len(repo.commits) >= _REMEMBERED:
            repo.commits.pop(next(iter(repo.commits)))
        with whole(repo, commit):
            repo.commits[commit] = _read(repo, commit)
    return repo.commits[commit]


@contextmanager
def whole(repo: Repo, commit: str) -> Iterator[None]:
    """For work that needs all of a commit: what a partial clone has not is named, with the command
    that brings it.
    """
    try:
        yield
    except git_objects.MissingObjectError as error:
        if not _is_partial(repo):
            raise
        raise SourceError(
            f"this clone does not have all files of the commit {commit[:12]}",
            why=f"It is a partial clone (git clone --filter), and a run needs every file of its "
            f"commit; {error.what}.",
            next_step=f"git archive -o /dev/null {commit}",
        ) from error


def _is_partial(repo: Repo) -> bool:
    return any(
        key.startswith("remote.") and key.endswith((".promisor", ".partialclonefilter"))
        for key in repo.config
    )


def _read(repo: Repo, commit: str) -> Snapshot:
    data = repo.objects.one(commit, "commit")
    header = data.partition(b"\n\n")[0]
    time = _COMMITTER.search(header)
    if not header.startswith(b"tree ") or time is None:
        raise SourceError(f"the commit {commit} is not well formed")
    tree = header[5 : header.index(b"\n")].decode("ascii", "replace")
    entries, trees = _flat(repo, tree)
    return Snapshot(
        commit=commit, tree=tree, time=int(time[1]), entries=tuple(entries), trees=frozenset(trees)
    )


def _flat(repo: Repo, tree: str) -> tuple[list[Entry], set[str]]:
    level = [(b"", tree)]
    found: list[Entry] = []
    known: dict[str, list[Entry]] = {}
    for _ in range(MAX_DEPTH):
        if not level:
            return sorted(found, key=lambda entry: entry.path), set(known)
        wanted = sorted({oid for _, oid in level} - known.keys())
        known.update((item.oid, _parse(item)) for item in repo.objects.read(wanted, "tree"))
        level = _descend(level, known, found)
    raise SourceError(f"the tree {tree} is more than {MAX_DEPTH} directories deep")


def _descend(
    level: list[tuple[bytes, str]], known: dict[str, list[Entry]], found: list[Entry]
) -> list[tuple[bytes, str]]:
    deeper = []
    for prefix, oid in level:
        for entry in known[oid]:
            path = prefix + entry.path
            if entry.mode == TREE:
                deeper.append((path + b"/", entry.oid))
            else:
                found.append(Entry(path, entry.mode, entry.oid))
        if len(found) + len(deeper) > MAX_ENTRIES:
            raise SourceError(f"the commit has more than {MAX_ENTRIES} entries")
    return deeper


def _parse(tree: git_objects.Object) -> list[Entry]:
    """The entries of a tree object: mode, space, name, NUL, name of the object in binary."""
    data, width = tree.data(), len(tree.oid) // 2
    entries: dict[bytes, Entry] = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at)
        end = data.find(b"\0", space)
        if space < 0 or end < 0 or end + 1 + width > len(data):
            raise SourceError(f"the tree {tree.oid} is not well formed")
        name, mode = data[space + 1 : end], _mode(data[at:space], tree.oid)
        if name in entries or not _is_safe(name):
            raise SourceError(
                f"the tree {tree.oid} holds the name {text(name)!r}, which is refused",
                why="It could leave its directory.",
            )
        at = end + 1 + width
        entries[name] = Entry(name, mode, data[end + 1 : at].hex())
    return list(entries.values())


def _mode(octal: bytes, oid: str) -> int:
    try:
        return _MODES[int(octal, 8)]
    except (KeyError, ValueError) as error:
        raise SourceError(f"the tree {oid} holds an entry of mode {text(octal)!r}") from error


def _is_safe(name: bytes) -> bool:
    return name not in (b"", b".", b"..") and b"/" not in name and name.lower() != b".git"
