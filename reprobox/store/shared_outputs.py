"""Outputs that two runs have alike, kept once on the disk.

The original's copy gives way to the replay's, whose bytes were hashed just now; so a copy that has
rotted since is mended, and never spread. A reflink is two files that share their blocks until one
is written; where the file system has none, both names become hard links of one file, which no
process may write to any more.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from reprobox.errors import ReproboxError
from reprobox.kit import fd_trees, files
from reprobox.model.outcome import OutputFile
from reprobox.store.runs import Runs

_WORTH = 4096
"""Bytes: smaller files take a block of the disk each way."""
_FICLONE = 0x40049409
"""ioctl_ficlone(2)."""
_NO_REFLINKS = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def share(runs: Runs, original: str, replay: str) -> int:
    """Keeps the outputs that both runs have alike once; bytes that the disk got back.

    What cannot be shared stays as it is: this saves room, and nothing depends on it.
    """
    saved = 0
    with contextlib.suppress(ReproboxError, OSError):
        known = {file.path: file for file in runs.outputs(original) if _is_worth_it(file)}
        tops = runs.path(original) / "outputs", runs.path(replay) / "outputs"
        for file in runs.outputs(replay):
            other = known.get(file.path)
            if other is not None and (other.sha256, other.mode) == (file.sha256, file.mode):
                saved += _share(*tops, file, runs.root / "tmp")
    return saved


def _is_worth_it(file: OutputFile) -> bool:
    return file.kind == "file" and file.size >= _WORTH


def _share(old: Path, new: Path, file: OutputFile, room: Path) -> int:
    *parents, name = os.fsencode(file.path).split(b"/")
    temp = os.fsencode(files.temp_beside(room))
    with fd_trees.opened(old, parents) as there, fd_trees.opened(new, parents) as here:
        first, second = (os.stat(name, dir_fd=fd, follow_symlinks=False) for fd in (there, here))
        if os.path.samestat(first, second) or first.st_size != second.st_size:
            return 0
        try:
            if not _cloned(name, here, temp, file.mode):
                os.link(name, temp, src_dir_fd=here, follow_symlinks=False)
                # Two runs have it now: an editor that writes in place is refused by its mode.
                os.chmod(name, file.mode & 0o555, dir_fd=here)
            os.rename(temp, name, dst_dir_fd=there)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temp)
    return file.size


def _cloned(name: bytes, folder: int, temp: bytes, mode: int) -> bool:
    """Makes a file that shares its blocks with another; False where the file system cannot."""
    source = os.open(name, _READ, dir_fd=folder)
    try:
        target = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.ioctl(target, _FICLONE, source)
            os.fchmod(target, mode & 0o777)
            os.fsync(target)
        except OSError as fault:
            os.unlink(temp)
            if fault.errno not in _NO_REFLINKS:
                raise
            return False
        finally:
            os.close(target)
    finally:
        os.close(source)
    return True
