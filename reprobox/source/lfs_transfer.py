"""LFS content on its way between repositories: no pack carries it, so it is listed, found and taken
in by its SHA-256.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reprobox.errors import HashMismatch
from reprobox.kit import canon, files
from reprobox.model.source import LfsObject
from reprobox.source import commit_tree, lfs, modules
from reprobox.source.export_tree import no_content
from reprobox.source.repo import Repo, opened, raw, resolve, text


def lfs_objects(place: Repo | Path, commit: str) -> tuple[LfsObject, ...]:
    """The LFS content that a commit needs and no pack carries; `lfs_file` says where each is."""
    repo = opened(place)
    found = []
    for prefix, inner, content in modules.every(
        repo, commit_tree.read_commit(repo, resolve(repo, commit))
    ):
        for path, pointer in _pointers(inner, content):
            found.append(
                LfsObject(
                    path=text(prefix + path), digest=f"sha256:{pointer.sha256}", size=pointer.size
                )
            )
    return tuple(found)


def _pointers(repo: Repo, content: commit_tree.Snapshot) -> Iterator[tuple[bytes, lfs.Pointer]]:
    """Pointers among the small blobs. Git gives the sizes first, so that no large one is read."""
    files = {
        entry.oid: entry
        for entry in content.entries
        if entry.mode in (commit_tree.FILE, commit_tree.EXECUTABLE)
    }
    asked = "".join(f"{oid}\n" for oid in files).encode("ascii")
    sizes = repo.git.out(
        "cat-file", "--batch-check=%(objectname) %(objectsize)", "--buffer", stdin=asked
    ).decode("ascii")
    small = {
        oid
        for oid, _, size in (line.partition(" ") for line in sizes.splitlines())
        if size.isdigit() and int(size) < lfs.MAX_POINTER
    }
    pointers = {
        blob.oid: lfs.pointer(blob.data()) for blob in repo.objects.read(sorted(small), "blob")
    }
    for entry in content.entries:
        pointer = pointers.get(entry.oid)
        if pointer is not None and entry.mode != commit_tree.LINK:
            yield entry.path, pointer


def lfs_file(place: Repo | Path, commit: str, item: LfsObject) -> Path:
    """The file on this disk that should hold some LFS content; its bytes are the caller's to check.

    Raises:
        SourceError: it was not fetched.
    """
    repo = opened(place)
    wanted = lfs.Pointer(item.digest.removeprefix("sha256:"), item.size)
    parts = modules.every(repo, commit_tree.read_commit(repo, resolve(repo, commit)))
    file = next((found for _, inner, _ in parts if (found := lfs.find(inner, wanted))), None)
    if file is None:
        raise no_content(raw(item.path), "was not fetched")
    return file


def import_lfs(repo_dir: Path, source: Path, digest: str) -> None:
    """Takes LFS content into a repository that `import_pack` made; there already is fine.

    Raises:
        HashMismatch: the file is not what the digest says; nothing is taken in.
    """
    place = lfs.stored_at(repo_dir, canon.hex_of(digest))
    if place.exists():
        return
    files.make_dir(place.parent)
    temp = files.temp_beside(place.parent)
    try:
        _copy(source, temp, digest)
        temp.replace(place)
        files.fsync_dir(place.parent)
    finally:
        temp.unlink(missing_ok=True)


def _copy(source: Path, temp: Path, digest: str) -> None:
    with source.open("rb") as given, temp.open("xb") as copy:
        found, _ = canon.copy_hashing(given, copy)
        copy.flush()
        os.fsync(copy.fileno())
    if found != digest:
        raise HashMismatch(f"{source} is not the LFS content {digest}", why=f"It is {found}.")
