"""Writes a commit into a fresh directory, from the object database, each byte checked against the
name of its object.

No work tree, index, filter, attribute or replacement takes part (`git archive` and `git checkout`
use some of them). Files are 0644 or 0755 and bear the commit's time; links are made last, so
nothing can be written through one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from reprobox.errors import SourceError
from reprobox.kit.canon import digest_bytes
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.source import Exported
from reprobox.source import commit_tree, git_objects, lfs, modules
from reprobox.source.clean_check import shown
from reprobox.source.repo import Repo, opened, raw, resolve, text

_DIRECTORY = 0o755
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class _Target:
    """Where an export goes."""

    root: bytes
    time: int

    def place(self, path: bytes) -> bytes:
        return self.root + b"/" + path


def export(place: Repo | Path, commit: str, target: Path) -> tuple[Exported, ...]:
    """Writes the files of a commit, its submodules' and its LFS content.

    Args:
        place: a work tree, a bare repository, or one that `import_pack` made.
        commit: any name of a commit that git knows.
        target: a directory that does not exist yet, or is empty.

    Returns:
        Every file and link, sorted by the bytes of its path.

    Raises:
        SourceError: an object, a submodule or LFS content is missing or damaged, or a path is not
            safe. The target is then incomplete.
    """
    repo = opened(place)
    snapshot = commit_tree.read_commit(repo, resolve(repo, commit))
    _fresh(target)
    with commit_tree.whole(repo, snapshot.commit):
        return _write_all(repo, snapshot, target)


def _write_all(repo: Repo, snapshot: commit_tree.Snapshot, target: Path) -> tuple[Exported, ...]:
    goal = _Target(root=raw(str(target)), time=snapshot.time)
    parts = list(modules.every(repo, snapshot))
    done: list[Exported] = []
    links: list[tuple[bytes, bytes]] = []
    for prefix, inner, content in parts:
        _make_directories(goal, prefix, content)
        done.extend(_files(inner, content, prefix, goal))
        links.extend(_links(inner, content, prefix))
    done.extend(_make_link(goal, path, destination) for path, destination in links)
    _set_times(goal, parts)
    return tuple(sorted(done, key=lambda item: raw(item.path)))


def _fresh(target: Path) -> None:
    target.mkdir(mode=0o755, exist_ok=True)
    if any(target.iterdir()):
        raise SourceError(f"{target} is not empty", next_step="export into a fresh directory")


def _directories(prefix: bytes, content: commit_tree.Snapshot) -> list[bytes]:
    """All directories of a commit, parents first; a submodule's place is one."""
    found: set[bytes] = {prefix.rstrip(b"/")} - {b""}
    for entry in content.entries:
        path = (
            prefix + entry.path
            if entry.mode == commit_tree.SUBMODULE
            else (prefix + entry.path).rpartition(b"/")[0]
        )
        while path and path not in found:
            found.add(path)
            path = path.rpartition(b"/")[0]
    return sorted(found)


def _make_directories(goal: _Target, prefix: bytes, content: commit_tree.Snapshot) -> None:
    for path in _directories(prefix, content):
        try:
            os.mkdir(goal.place(path), _DIRECTORY)
        except FileExistsError:
            # A submodule's prefix, made when the outer commit was written; it cannot be a link,
            # since links come last.
            if not os.path.isdir(goal.place(path)):
                raise
        os.chmod(goal.place(path), _DIRECTORY)


def _files(
    repo: Repo, content: commit_tree.Snapshot, prefix: bytes, goal: _Target
) -> Iterator[Exported]:
    entries = [
        entry
        for entry in content.entries
        if entry.mode in (commit_tree.FILE, commit_tree.EXECUTABLE)
    ]
    for entry, blob in zip(
        entries, repo.objects.read([entry.oid for entry in entries], "blob"), strict=True
    ):
        yield _file(repo, blob, entry, prefix + entry.path, goal)


def _file(
    repo: Repo, blob: git_objects.Object, entry: commit_tree.Entry, path: bytes, goal: _Target
) -> Exported:
    chunks: Iterable[bytes] = blob.chunks()
    mode = 0o755 if entry.mode == commit_tree.EXECUTABLE else 0o644
    if blob.size < lfs.MAX_POINTER:
        data = b"".join(chunks)
        pointer = lfs.pointer(data)
        chunks = [data] if pointer is None else _content(repo, pointer, path)
    fd = os.open(goal.place(path), _NEW, 0o600)
    with open(fd, "wb", buffering=0) as file:
        digest, size = _write(file, chunks)
        os.fchmod(fd, mode)
        os.utime(fd, (goal.time, goal.time))
    return Exported(path=text(path), kind="file", mode=mode, size=size, sha256=digest)


def _write(file: IO[bytes], chunks: Iterable[bytes]) -> tuple[str, int]:
    hasher = hashlib.sha256()
    size = 0
    for chunk in chunks:
        hasher.update(chunk)
        size += len(chunk)
        view = memoryview(chunk)
        while view:
            view = view[file.write(view) :]
    return "sha256:" + hasher.hexdigest(), size


def _content(repo: Repo, pointer: lfs.Pointer, path: bytes) -> Iterator[bytes]:
    """What a pointer stands for, checked at the end."""
    place = lfs.find(repo, pointer)
    if place is None:
        raise no_content(path, "was not fetched")
    hasher = hashlib.sha256()
    with place.open("rb") as file:
        while chunk := file.read(git_objects.CHUNK):
            hasher.update(chunk)
            yield chunk
    if hasher.hexdigest() != pointer.sha256:
        raise no_content(path, "is damaged")


def no_content(path: bytes, what: str) -> SourceError:
    """LFS content is missing or damaged."""
    return SourceError(f"the LFS content of {shown(path)} {what}", next_step="git lfs fetch")


def _links(repo: Repo, content: commit_tree.Snapshot, prefix: bytes) -> list[tuple[bytes, bytes]]:
    entries = [entry for entry in content.entries if entry.mode == commit_tree.LINK]
    blobs = repo.objects.read([entry.oid for entry in entries], "blob")
    return [(prefix + entry.path, blob.data()) for entry, blob in zip(entries, blobs, strict=True)]


def _make_link(goal: _Target, path: bytes, destination: bytes) -> Exported:
    if not destination or b"\0" in destination:
        raise SourceError(f"the link {shown(path)} leads to a name that cannot be")
    os.symlink(destination, goal.place(path))
    os.utime(goal.place(path), (goal.time, goal.time), follow_symlinks=False)
    return Exported(
        path=text(path),
        kind="link",
        mode=0o777,
        size=len(destination),
        sha256=digest_bytes(destination),
    )


def _set_times(goal: _Target, parts: list[tuple[bytes, Repo, commit_tree.Snapshot]]) -> None:
    """Directories last, when nothing is written into them any more."""
    for prefix, _, content in parts:
        for path in _directories(prefix, content):
            os.utime(goal.place(path), (goal.time, goal.time))
    os.utime(goal.root, (goal.time, goal.time))
