"""One file of a commit."""

from __future__ import annotations

from pathlib import Path

from reprobox.errors import SourceError
from reprobox.source import commit_tree, git_objects
from reprobox.source.repo import open_repo, raw, resolve


def read(top: Path, commit: str, path: str) -> bytes:
    """The bytes of a file as the commit has them (no filter, no end-of-line conversion).

    Raises:
        SourceError: the commit has no such file, or its object is missing or damaged.
    """
    repo = open_repo(top)
    name = raw(path)
    for entry in commit_tree.read_commit(repo, resolve(repo, commit)).entries:
        if entry.path == name and entry.mode in (commit_tree.FILE, commit_tree.EXECUTABLE):
            return git_objects.one(repo.git, entry.oid, "blob")
    raise SourceError(
        f"the commit {commit[:12]} has no file {path}",
        next_step=f"git add {path}, commit, and run again",
    )
