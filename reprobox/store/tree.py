"""Writes outputs that came from elsewhere: by directory descriptors, never through a link, each file made new."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from reprobox.errors import HashMismatch
from reprobox.kit import canon
from reprobox.model.outcome import OutputFile

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
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
    fd = os.open(top, _DIRECTORY)
    try:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=fd)
            inner = os.open(part, _DIRECTORY, dir_fd=fd)
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
