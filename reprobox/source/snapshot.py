"""A tree that is not clean, as a commit under a hidden ref.

Index, branch and work tree are not touched, and no hook or filter runs: the commit is written with
`git fast-import`, which takes contents as bytes, so there is not even an index to make. Files are
stored as they are on disk, because that is what the script would read there; a file that an unknown
filter would change on its way into git is stored unfiltered.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from reprobox.errors import SourceError
from reprobox.kit.proc import Piped
from reprobox.model.source import Source
from reprobox.source import clean_check, commit_tree, modules, refs
from reprobox.source.git import failed
from reprobox.source.git_objects import CHUNK
from reprobox.source.pin import describe, head_branch
from reprobox.source.repo import Repo, opened, raw, resolve
from reprobox.source.worktree import is_executable

_WHO = b"reprobox <reprobox@localhost>"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def snapshot(place: Repo | Path, run_id: str) -> Source:
    """Commits the whole state (tracked changes, and files neither tracked nor ignored) to
    `refs/reprobox/<run-id>`.

    The same state on the same HEAD gives the same commit: author and time are fixed (HEAD's time).
    A clean tree gives HEAD itself. Submodules that are not clean are snapshotted in their own
    repositories, under the same ref.

    Raises:
        SourceError: something is there that no commit can hold (a submodule or LFS content that is
            missing, a repository inside the tree), or a file changed while it was read.
    """
    repo = opened(place)
    state = clean_check.look(repo)
    _refuse(state)
    commit = _commit(repo, state, run_id)
    return describe(
        repo,
        commit_tree.read_commit(repo, commit),
        hints=state.hints,
        branch=head_branch(repo),
        snapshotted=commit != state.snapshot.commit,
    )


def _refuse(state: clean_check.State) -> None:
    found = [str(reason) for reason in state.reasons if clean_check.cures([reason])]
    if found:
        raise SourceError(
            "a snapshot cannot hold what is not there",
            why="\n".join(found),
            next_step=", then ".join(clean_check.cures(state.reasons)),
        )


def _commit(repo: Repo, state: clean_check.State, run_id: str) -> str:
    """The commit of a repository's state, kept under the run's ref."""
    changes = list(_deletions(repo, state)) + list(_modules(repo, state, run_id))
    written = list(dict.fromkeys(_contents(repo, state)))
    ref = refs.name(run_id)
    if not changes and not written:
        repo.git.out("update-ref", "--end-of-options", ref, state.snapshot.commit)
        return state.snapshot.commit
    with repo.git.piped(
        "fast-import", "--quiet", "--done", "--force", direction="write"
    ) as importer:
        try:
            _send(importer, repo, state, ref, changes, written)
        except BrokenPipeError as error:
            raise failed(importer.finish(), repo.git.at) from error
        done = importer.finish()
    if not done.ok:
        raise failed(done, repo.git.at)
    return resolve(repo, ref)


def _send(
    importer: Piped,
    repo: Repo,
    state: clean_check.State,
    ref: str,
    changes: list[bytes],
    written: list[tuple[bytes, int]],
) -> None:
    """One commit in the language of git-fast-import: deletions before contents, so that a directory
    can become a file.
    """
    message = b"reprobox snapshot of " + state.snapshot.commit.encode("ascii") + b"\n"
    pipe = importer.pipe
    pipe.write(
        b"commit "
        + ref.encode("ascii")
        + b"\ncommitter "
        + _WHO
        + b" %d +0000\n" % state.snapshot.time
    )
    pipe.write(
        b"data %d\n" % len(message)
        + message
        + b"from "
        + state.snapshot.commit.encode("ascii")
        + b"\n"
    )
    pipe.writelines(changes)
    for path, mode in written:
        _send_file(pipe, raw(str(repo.top)) + b"/" + path, path, mode)
    pipe.write(b"done\n")


def _send_file(pipe: IO[bytes], place: bytes, path: bytes, mode: int) -> None:
    pipe.write(b"M %06o inline " % mode + _quoted(path) + b"\n")
    if mode == commit_tree.LINK:
        target = os.readlink(place)
        pipe.write(b"data %d\n" % len(target) + target + b"\n")
        return
    with open(os.open(place, _OPEN), "rb", buffering=0) as file:
        size = left = os.fstat(file.fileno()).st_size
        pipe.write(b"data %d\n" % size)
        while left and (chunk := file.read(min(CHUNK, left))):
            pipe.write(chunk)
            left -= len(chunk)
    if left:
        raise SourceError(
            f"{clean_check.shown(path)} changed while the snapshot was made",
            next_step="try again when nothing writes to it",
        )
    pipe.write(b"\n")


def _quoted(path: bytes) -> bytes:
    """A path as fast-import reads it: in C style, special bytes as three octal digits."""
    plain = (
        bytes([byte]) if 32 < byte < 127 and byte not in b'"\\' else b"\\%03o" % byte
        for byte in path
    )
    return b'"' + b"".join(plain) + b'"'


def _status(repo: Repo, path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(raw(str(repo.top)) + b"/" + path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_directory(repo: Repo, path: bytes) -> bool:
    status = _status(repo, path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _present(repo: Repo, state: clean_check.State) -> set[bytes]:
    """Paths that the snapshot takes from the disk, or keeps: tracked or untracked, and there."""
    gone = {
        path
        for path, kind in state.differing.items()
        if kind == "deleted" or _is_directory(repo, path)
    }
    kept = {line.entry.path for line in state.tracked if line.entry.path not in gone}
    return kept | {
        path for path in clean_check.untracked(repo, whole=True) if not path.endswith(b"/")
    }


def _deletions(repo: Repo, state: clean_check.State) -> Iterator[bytes]:
    present = _present(repo, state)
    for entry in state.snapshot.entries:
        if entry.path not in present:
            yield b"D " + _quoted(entry.path) + b"\n"


def _modules(repo: Repo, state: clean_check.State, run_id: str) -> Iterator[bytes]:
    """Submodules at what they are now, each snapshotted on its own."""
    before = {
        entry.path: entry.oid
        for entry in state.snapshot.entries
        if entry.mode == commit_tree.SUBMODULE
    }
    for line in state.tracked:
        if line.entry.mode != commit_tree.SUBMODULE:
            continue
        inner = modules.checked_out(repo, line.entry.path)
        if inner is None:
            raise SourceError(
                f"the submodule {clean_check.shown(line.entry.path)} is not checked out"
            )
        commit = _commit(inner, clean_check.look(inner), run_id)
        if before.get(line.entry.path) != commit:
            yield b"M 160000 " + commit.encode("ascii") + b" " + _quoted(line.entry.path) + b"\n"


def _contents(repo: Repo, state: clean_check.State) -> Iterator[tuple[bytes, int]]:
    """Path and mode of every file or link that is not as in HEAD."""
    before = {entry.path: entry for entry in state.snapshot.entries}
    for line in state.tracked:
        path, entry = line.entry.path, line.entry
        same = line.stage == "0" and before.get(path) == entry and path not in state.differing
        if (
            entry.mode != commit_tree.SUBMODULE
            and not same
            and state.differing.get(path) != "deleted"
        ):
            yield from _content(repo, path, before.get(path))
    for path in clean_check.untracked(repo, whole=True):
        if path.endswith(b"/"):
            raise SourceError(
                f"{clean_check.shown(path)} is a repository inside the tree, and not a submodule",
                next_step="add it as a submodule, ignore it, or remove its .git",
            )
        yield from _content(repo, path, before.get(path))


def _content(
    repo: Repo, path: bytes, before: commit_tree.Entry | None
) -> Iterator[tuple[bytes, int]]:
    status = _status(repo, path)
    if status is None:
        return
    if stat.S_ISLNK(status.st_mode):
        yield path, commit_tree.LINK
    elif stat.S_ISREG(status.st_mode):
        yield path, is_executable(repo, status.st_mode, before.mode if before else None)
    elif not stat.S_ISDIR(status.st_mode):
        raise SourceError(
            f"{clean_check.shown(path)} is neither a file, a directory nor a link",
            next_step="remove it or ignore it",
        )
