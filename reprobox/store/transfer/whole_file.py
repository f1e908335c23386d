"""A large file in a directory of the user's own: there under its name when it is whole, and no
trace of it before.

It is written without a name (`O_TMPFILE`), so that nothing is left where a process was killed. File
systems that cannot do that (NFS, FAT) get a temporary name, which a kill leaves behind.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from reprobox.errors import UsageError
from reprobox.kit import files
from reprobox.store import layout

_CANNOT = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)
"""What file systems without nameless files answer (open(2), O_TMPFILE)."""
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)
_DESCRIPTORS = Path("/proc/self/fd")
_OPEN = os.O_RDWR | os.O_CLOEXEC


@contextlib.contextmanager
def written(path: Path, *, replace: bool) -> Iterator[IO[bytes]]:
    """A file to write; it gets its name, durably, when the block ends without an exception.

    Raises:
        UsageError: the directory is not there; or the name is taken and `replace` was not said.
        StoreError: it could not be written; there is nothing then, or what was there before.
    """
    path = path.absolute()
    with layout.trouble(f"writing {path}"), contextlib.ExitStack() as stack:
        folder = _folder(path.parent)
        stack.callback(os.close, folder)
        temp = files.temp_beside(Path()).name
        stack.callback(_forget, temp, folder)
        fd, nameless = _opened(temp, folder)
        file = stack.enter_context(os.fdopen(fd, "wb"))
        yield file
        file.flush()
        os.fsync(fd)
        try:
            _name(fd if nameless else None, temp, path.name, folder, replace=replace)
        except FileExistsError as fault:
            raise _taken(path) from fault
        os.fsync(folder)


def refuse_taken(path: Path) -> None:
    """Raises before any work what `written` would raise after it. Raises UsageError when the name
    is taken.
    """
    with layout.trouble(f"looking for {path}"):
        if layout.exists(path):
            raise _taken(path)


def _taken(path: Path) -> UsageError:
    return UsageError(f"{path} is there already", next_step="choose another name, or say --force")


def _folder(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as fault:
        raise UsageError(
            f"there is no directory {path}", next_step="make it, or choose another name"
        ) from fault


def _opened(temp: str, folder: int) -> tuple[int, bool]:
    """A new file, and whether it has no name."""
    if _DESCRIPTORS.is_dir():
        try:
            return os.open(".", os.O_TMPFILE | _OPEN, 0o666, dir_fd=folder), True
        except OSError as fault:
            if fault.errno not in _CANNOT:
                raise
    return os.open(temp, os.O_CREAT | os.O_EXCL | _OPEN, 0o666, dir_fd=folder), False


def _name(fd: int | None, temp: str, name: str, folder: int, *, replace: bool) -> None:
    """Gives the file its name. A name that is taken is never taken over: `link` does not
    replace.
    """
    try:
        _link(fd, temp, name, folder)
        return
    except FileExistsError:
        if not replace:
            raise
    except OSError as fault:
        if fd is not None or fault.errno not in _NO_LINKS:
            raise
    if fd is not None:
        _link(fd, temp, temp, folder)
    os.replace(temp, name, src_dir_fd=folder, dst_dir_fd=folder)


def _link(fd: int | None, temp: str, name: str, folder: int) -> None:
    if fd is None:
        os.link(temp, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    else:
        # With a directory's descriptor Python takes linkat(2), which follows the link; link(2)
        # would not.
        os.link(_DESCRIPTORS / str(fd), name, dst_dir_fd=folder)


def _forget(temp: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temp, dir_fd=folder)
