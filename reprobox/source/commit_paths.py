"""Questions about paths of a commit: is it tracked, is it a directory, what does the file say."""

from __future__ import annotations

import os
from pathlib import Path

from reprobox.errors import SourceError
from reprobox.source import commit_tree
from reprobox.source.commit_tree import Snapshot
from reprobox.source.repo import Repo, opened, raw, resolve, text


def read(place: Repo | Path, commit: str, path: str) -> bytes:
    """The bytes of a file as the commit has them (no filter, no end-of-line conversion).

    Raises:
        SourceError: the commit has no such file, or its object is missing or damaged.
    """
    repo = opened(place)
    entry = _snapshot(repo, commit).by_path.get(raw(path))
    if entry is None or entry.mode not in (commit_tree.FILE, commit_tree.EXECUTABLE):
        raise SourceError(
            f"the commit {commit[:12]} has no file {path}",
            next_step=f"git add {path}, commit, and run again",
        )
    with commit_tree.whole(repo, commit):
        return repo.objects.one(entry.oid, "blob")


def tracked(place: Repo | Path, commit: str, path: str) -> bool:
    """Whether a path is a file, link or submodule of the commit, or a directory that holds some.
    Submodules are not looked into.

    Raises:
        SourceError: the commit is not here.
    """
    name = _normal(path)
    snapshot = _snapshot(opened(place), commit)
    return bool(name) and (name in snapshot.by_path or name in snapshot.directories)


def holds_directory(place: Repo | Path, commit: str, path: str) -> bool:
    """Whether a path is a directory of the commit, or lies in a submodule, which is not searched.
    A link is not a directory.

    Raises:
        SourceError: the commit is not here.
    """
    name = _normal(path)
    snapshot = _snapshot(opened(place), commit)
    if name in snapshot.directories:
        return True
    while name:
        entry = snapshot.by_path.get(name)
        if entry is not None:
            return entry.mode == commit_tree.SUBMODULE
        name = name.rpartition(b"/")[0]
    return False


def directories(place: Repo | Path, commit: str) -> list[str]:
    """The directories of a commit, sorted."""
    return sorted(text(name) for name in _snapshot(opened(place), commit).directories)


def _snapshot(repo: Repo, commit: str) -> Snapshot:
    return commit_tree.read_commit(repo, resolve(repo, commit))


def _normal(path: str) -> bytes:
    """A path as a tree names it; empty for the tree itself, and for what is not below it."""
    name = os.path.normpath(path.strip("/"))
    return b"" if name == "." or name.startswith("../") or name == ".." else raw(name)
