"""What is mounted for an input: the bytes that were hashed.

Where the file system can share blocks (reflink: XFS, btrfs, ZFS), a run gets a copy of its own that
costs no space, and nothing that happens to the original afterwards reaches it. Elsewhere it gets
the original, read-only, which `relook` looks at again when the run has ended. A tree with links
that lead out of it is laid out anew, with the files in place of the links.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from reprobox.data import tree
from reprobox.data.pins import Input
from reprobox.data.tree import Seen, Stamp
from reprobox.errors import InputError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.units import human
from reprobox.model.ports import Progress

_FICLONE = 0x40049409
"""ioctl_ficlone(2)."""
_MOST_COPIED = 1 << 30
"""Bytes behind links that are copied for a run where they can be neither shared nor linked."""


@dataclass(frozen=True, kw_only=True)
class Mounted:
    """An input as a run sees it."""

    path: str
    """In the container."""
    source: Path
    """What is mounted there."""
    listed: Path | None
    """The directory or file whose paths are looked at again; None where the layout is ours."""
    rows: tuple[Seen, ...]
    """What is looked at again when the run has ended; nothing of a copy that is the run's own."""


def bring(given: Input, source: Path, folder: Path, progress: Progress) -> Mounted:
    """Makes an input ready to be mounted.

    Args:
        source: where it is on this host.
        folder: a place of the run that does not exist yet.

    Raises:
        InputError: it changed since it was hashed, or would have to be copied and is large.
        OSError: it cannot be written.
    """
    if _shares(given, folder):
        return _laid_out(given, folder, progress)
    if any(one.followed for one in given.seen):
        _refuse_large(given, folder)
        return _laid_out(given, folder, progress)
    return Mounted(path=given.pin.path, source=source, listed=source, rows=given.seen)


def _shares(given: Input, folder: Path) -> bool:
    """Whether the file system can share the blocks of an input with a copy in `folder`."""
    first = next((one for one in given.seen if one.kind == "file" and one.size), None)
    if first is None:
        return False
    trial = folder.with_name(f"{folder.name}.trial")
    try:
        return _clone(first.where, trial)
    finally:
        trial.unlink(missing_ok=True)


def _clone(source: str, target: Path) -> bool:
    with open(source, "rb") as original, open(target, "wb") as copy:
        try:
            fcntl.ioctl(copy.fileno(), _FICLONE, original.fileno())
        except OSError:
            return False
    return True


def _laid_out(given: Input, folder: Path, progress: Progress) -> Mounted:
    with progress.task(f"laying out the input {given.pin.path}", None) as bar:
        if given.pin.kind == "file":
            rows = tuple(_placed(given, given.seen[0], folder))
        else:
            folder.mkdir()
            rows = tuple(
                row for one in given.seen for row in _placed(given, one, folder / one.path)
            )
        bar.update(given.pin.size)
    return Mounted(path=given.pin.path, source=folder, listed=None, rows=rows)


def _placed(given: Input, one: Seen, target: Path) -> Iterator[Seen]:
    """Writes one path; what is to be looked at again of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if one.kind == "dir":
        target.mkdir(exist_ok=True)
    elif one.kind == "link":
        os.symlink(os.readlink(one.where), target)
    else:
        linked = not _clone(one.where, target) and _linked_or_copied(one.where, target)
        now = Stamp.of(os.stat(one.where))
        _require_same(given, one, now, target)
        if linked:
            yield replace(one, stamp=now)  # the link itself was a change of the inode
        else:
            _as_original(one.where, target)


def _linked_or_copied(source: str, target: Path) -> bool:
    """Whether the file could be linked; it is copied else."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        from shutil import copyfile

        copyfile(source, target)
        return False
    return True


def _as_original(source: str, target: Path) -> None:
    info = os.stat(source)
    target.chmod(info.st_mode & 0o777 | 0o400)
    os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))


def _require_same(given: Input, one: Seen, now: Stamp, target: Path) -> None:
    """The placed bytes are those that were hashed: by an old stamp that has not moved, else by
    reading them.
    """
    before = one.stamp
    if before and one.settled and replace(now, ctime=before.ctime) == before:
        return
    if tree.digest_of(os.fspath(target), now, None, tree.Silent()) != one.digest:
        raise InputError(
            f"input {given.pin.path} changed while the run was made ready: {one.where}",
            next_step="run again when nothing writes to it",
        )


def _refuse_large(given: Input, folder: Path) -> None:
    """Stops where files behind links lie in another file system and are too large to be copied."""
    device = os.stat(folder.parent).st_dev
    far = [one for one in given.seen if one.stamp and one.stamp.device != device]
    size = sum(one.size for one in far)
    if size > _MOST_COPIED:
        behind = next((one for one in far if one.followed), far[0])
        raise InputError(
            f"input {given.pin.path} holds links to another file system, with {human(size)} behind "
            f"them: {behind.path}",
            why="They can neither be mounted one by one nor linked there, and are not copied above "
            f"{human(_MOST_COPIED)}.",
            next_step="name what is behind the links as the input, as in `inputs: "
            f"{{{Path(given.pin.path).name}: {Path(behind.where).parent}}}`",
        )
