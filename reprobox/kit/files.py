"""Files that are either whole or not there.

Publish = temporary file in the same file system, write, fsync, `link` to the final name, fsync of
the directory, unlink of the temporary name. `link` never replaces, so of two writers one wins and
the other gets an error. This order survives a power cut at any point (see docs/reliability.md).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_SMALL = 1 << 16
"""Bytes of a first read: what most files have fewer of, and a buffer that costs no call of the
kernel.
"""


def fsync_dir(path: Path) -> None:
    """Makes the directory's entries durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def temp_beside(directory: Path) -> Path:
    """A fresh name in a directory for a file that is not finished."""
    return directory / f".tmp-{os.getpid()}-{os.urandom(8).hex()}"


def read_whole(path: Path | str) -> bytes:
    """The bytes of a file, in a third of the time of `Path.read_bytes`: for the many small ones."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(fd, _SMALL)
        while more := os.read(fd, max(_SMALL, len(data))):
            data += more
        return data
    finally:
        os.close(fd)


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a file that should be short.

    Raises:
        OSError: it cannot be read, or has more bytes (EFBIG).
    """
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes", str(path))
    return data


def write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Writes a new file, which the caller makes durable."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)


def write_synced(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Writes a new file and syncs its bytes (not its name)."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def publish(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Writes a file that has never existed before, durably, or not at all.

    Raises:
        FileExistsError: when the name is taken; the file there is untouched.
    """
    temp = temp_beside(path.parent)
    try:
        write_synced(temp, data, mode)
        os.link(temp, path)
        fsync_dir(path.parent)
    finally:
        temp.unlink(missing_ok=True)


def replace(path: Path, data: bytes, mode: int = 0o644, *, sync_name: bool = True) -> None:
    """Writes a file that may exist, durably; a reader sees the old bytes or the new ones.

    Args:
        sync_name: False where a power cut may bring back the old bytes.
    """
    temp = temp_beside(path.parent)
    try:
        write_synced(temp, data, mode)
        os.replace(temp, path)
        if sync_name:
            fsync_dir(path.parent)
    finally:
        temp.unlink(missing_ok=True)


def make_dir(path: Path) -> None:
    """Creates a directory and makes its name durable; parents too."""
    if path.is_dir():
        return
    make_dir(path.parent)
    path.mkdir(exist_ok=True)
    fsync_dir(path.parent)


def open_shared(path: Path) -> int:
    """Opens a file, or makes it, so that all who may write to its directory may use it, whatever
    the umask is; only to read where it is another user's and cannot be written.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as fault:
        try:
            # A lock needs no right to write (flock(2)).
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise fault from None
    try:
        above = os.stat(path.parent).st_mode
        if above & 0o022 and os.fstat(fd).st_uid == os.geteuid():
            group, others = 0o060 if above & 0o020 else 0, 0o006 if above & 0o002 else 0
            os.fchmod(fd, 0o600 | group | others)
    except BaseException:
        os.close(fd)
        raise
    return fd


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True, shared: bool = False) -> Iterator[None]:
    """Holds a `flock` on a file; the kernel frees it when the process dies, however it dies.

    Raises:
        BlockingIOError: when another process holds it and wait is False.
    """
    fd = open_shared(path)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(fd, kind if wait else kind | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


def sync_filesystem(path: Path) -> None:
    """Makes everything written so far on the file system of `path` durable: one call instead of an
    fsync for each of many files.

    Raises:
        OSError: the kernel could not write something back (Linux 5.8 and later say so).
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            # here, because it costs every command's start and only the end of a run needs it
            import ctypes

            library = ctypes.CDLL(None, use_errno=True)
        except (ImportError, OSError):
            # Loading it needs a descriptor and a healthy disk; the end of a run must not depend on
            # that.
            os.sync()
            return
        if library.syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(fd)
