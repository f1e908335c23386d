"""A run's outputs on the disk, by directory descriptors and never through a link: written when they come from elsewhere, each file
made new, and looked at again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from reprobox.errors import HashMismatch
from reprobox.kit import canon, trees
from reprobox.model.outcome import OutputFile

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write(top: Path, outputs: Sequence[OutputFile], where: Callable[[str], Path]) -> None:
    """Writes a manifest's files into a directory that is not there yet; links last, so that nothing can go through them.

    Raises:
        HashMismatch: the bytes are not what the manifest says.
    """
    top.mkdir(mode=0o700)
    for file in sorted(outputs, key=lambda file: file.kind == "link"):
        path = os.fsencode(file.path)
        if file.kind == "dir":
            with _directory(top, path.split(b"/")) as fd:
                os.fchmod(fd, file.mode & 0o777 | 0o700)
            continue
        *parents, name = path.split(b"/")
        with _directory(top, parents) as folder:
            if file.kind == "link":
                os.symlink(where(file.sha256).read_bytes(), name, dir_fd=folder)
            else:
                _write_file(folder, name, file, where(file.sha256))


@contextlib.contextmanager
def _directory(top: Path, parts: Sequence[bytes]) -> Iterator[int]:
    """A descriptor of a directory below `top`, made where it is not there."""
    fd = os.open(top, trees.DIRECTORY)
    try:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=fd)
            inner = os.open(part, trees.DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def _write_file(folder: int, name: bytes, file: OutputFile, source: Path) -> None:
    fd = os.open(name, _FILE, 0o600, dir_fd=folder)
    with os.fdopen(fd, "wb") as target, source.open("rb") as data:
        digest, size = canon.copy_hashing(data, target)
        if (digest, size) != (file.sha256, file.size):
            raise HashMismatch(f"the bytes for {file.path} are not what the manifest says", why=f"expected {file.sha256}")
        os.fchmod(target.fileno(), file.mode & 0o777)


def found(top: Path, path: str) -> tuple[str, str]:
    """What lies at an output's place now: its kind and digest; `gone` and `something else` have none.

    Raises:
        OSError: it cannot be read.
    """
    *parents, name = os.fsencode(path).split(b"/")
    try:
        with trees.opened(top, parents) as folder:
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                return "link", canon.digest_bytes(os.readlink(name, dir_fd=folder))
            if stat.S_ISDIR(mode):
                return "dir", canon.digest_bytes(b"")
            if not stat.S_ISREG(mode):
                return "something else", ""
            with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
                return "file", "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return "gone", ""
