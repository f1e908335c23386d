"""What a commit has at and below a path, as an export would write it, without writing it.

So an input that is part of the commit is pinned by the bytes that are mounted for it, not by those
that a filter or an ignored file may have left in the work tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from reprobox.kit.canon import digest_bytes
from reprobox.model.source import Exported
from reprobox.source import commit_tree, git_objects, lfs, modules
from reprobox.source.repo import Repo, raw, resolve, text

_FILES = (commit_tree.FILE, commit_tree.EXECUTABLE)
Part = tuple[Repo, list[tuple[commit_tree.Entry, bytes]]]
"""A repository, and of it the entries with their paths from the top."""


def names(repo: Repo, commit: str, path: str) -> frozenset[str]:
    """Paths of the files and links at and below a path, submodules included; none where the commit
    has nothing there.

    Raises:
        SourceError: the commit or a submodule is not on this disk.
    """
    return frozenset(text(name) for _, found in _below(repo, commit, path) for _, name in found)


def contents(repo: Repo, commit: str, path: str) -> tuple[Exported, ...]:
    """The files and links at and below a path with their digests, sorted by the bytes of the paths.

    Raises:
        SourceError: an object or a submodule is missing or damaged.
    """
    with commit_tree.whole(repo, commit):
        found = [item for part in _below(repo, commit, path) for item in _hashed(*part)]
    return tuple(sorted(found, key=lambda item: raw(item.path)))


def _below(repo: Repo, commit: str, path: str) -> Iterator[Part]:
    wanted = raw(path).strip(b"/")
    snapshot = commit_tree.read_commit(repo, resolve(repo, commit))
    for prefix, inner, content in modules.every(repo, snapshot):
        found = [
            (entry, prefix + entry.path)
            for entry in content.entries
            if entry.mode in (*_FILES, commit_tree.LINK)
        ]
        yield inner, [one for one in found if (one[1] + b"/").startswith(wanted + b"/")]


def _hashed(repo: Repo, found: Sequence[tuple[commit_tree.Entry, bytes]]) -> Iterator[Exported]:
    blobs = repo.objects.read([entry.oid for entry, _ in found], "blob")
    for (entry, path), blob in zip(found, blobs, strict=True):
        link = entry.mode == commit_tree.LINK
        digest, size = _whole(blob.data()) if link else _measured(blob)
        yield Exported(
            path=text(path),
            kind="link" if link else "file",
            mode=0o777 if link else 0o755 if entry.mode == commit_tree.EXECUTABLE else 0o644,
            size=size,
            sha256=digest,
        )


def _whole(data: bytes) -> tuple[str, int]:
    return digest_bytes(data), len(data)


def _measured(blob: git_objects.Object) -> tuple[str, int]:
    """The digest and size of the bytes that an export writes: what an LFS pointer stands for."""
    if blob.size < lfs.MAX_POINTER:
        data = blob.data()
        pointer = lfs.pointer(data)
        if pointer is not None:
            return f"sha256:{pointer.sha256}", pointer.size
        return _whole(data)
    hasher = hashlib.sha256()
    for chunk in blob.chunks():
        hasher.update(chunk)
    return f"sha256:{hasher.hexdigest()}", blob.size
