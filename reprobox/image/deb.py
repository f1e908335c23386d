"""Debian binary packages, read without dpkg (deb(5): an ar archive of debian-binary, control.tar
and data.tar).
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from reprobox.errors import ImageError
from reprobox.kit import zstd
from reprobox.kit.lazy_dataclass import dataclass

_MAGIC = b"!<arch>\n"
_HEADER = 60
_MODES = {"": "r|", ".gz": "r|gz", ".xz": "r|xz", ".bz2": "r|bz2", ".zst": "r|"}
"""By tarfile itself; zstd, which it reads from Python 3.14 on, comes to it plain."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A member of the outer archive."""

    name: str
    mtime: int
    offset: int
    size: int


class _Slice(io.RawIOBase):
    """A stretch of a file, read forward."""

    def __init__(self, file: IO[bytes], offset: int, size: int) -> None:
        super().__init__()
        self._file, self._left = file, size
        file.seek(offset)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


def parts(path: Path) -> list[Part]:
    """The members.

    Raises:
        ImageError: the file is not an ar archive.
    """
    found: list[Part] = []
    end = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise _broken(path, "it does not begin as an ar archive")
        while header := file.read(_HEADER):
            part = _part(header, file.tell(), path)
            if part.offset + part.size > end:
                raise _broken(path, f"it ends within {part.name}")
            found.append(part)
            file.seek(part.size + part.size % 2, io.SEEK_CUR)
    return found


def _part(header: bytes, offset: int, path: Path) -> Part:
    try:
        if len(header) != _HEADER or header[58:] != b"`\n":
            raise ValueError("no member header")
        name = header[:16].decode("ascii").rstrip(" ").rstrip("/")
        return Part(name=name, mtime=int(header[16:28]), offset=offset, size=int(header[48:58]))
    except ValueError as error:
        raise _broken(path, str(error)) from error


def built(path: Path) -> int:
    """When the package was built (its changelog's time, which dpkg-deb gives to every member);
    seconds since 1970.
    """
    return max(part.mtime for part in parts(path))


@contextlib.contextmanager
def data(path: Path, name: str) -> Iterator[tarfile.TarFile]:
    """The package's files, as a tar that is read forward.

    Args:
        name: of the package, for messages.

    Raises:
        ImageError: no data member, or one that is compressed in an unknown way.
    """
    part = next((part for part in parts(path) if part.name.startswith("data.tar")), None)
    if part is None:
        raise _broken(path, "it has no data.tar")
    mode = _mode(part, name)
    with path.open("rb") as file:
        try:
            # The mode is one of _MODES; typeshed lists literals only.
            with tarfile.open(fileobj=_plain(part, file), mode=mode) as archive:  # type: ignore[call-overload]
                yield archive
        except (tarfile.TarError, zstd.ZstdError) as error:
            raise _broken(path, str(error)) from error


def _mode(part: Part, name: str) -> str:
    suffix = part.name.removeprefix("data.tar")
    mode = _MODES.get(suffix)
    if mode is None:
        raise ImageError(
            f"the package {name} is compressed as {part.name}, which reprobox does not read",
            why="Debian compresses with xz, Ubuntu with zstd; deb(5) names gzip and bzip2 as well.",
            next_step="leave the package out, or start from an image that has it",
        )
    return mode


def _plain(part: Part, file: IO[bytes]) -> io.RawIOBase | io.BufferedReader:
    piece = _Slice(file, part.offset, part.size)
    return zstd.buffered(piece) if part.name.endswith(".zst") else piece


def _broken(path: Path, why: str) -> ImageError:
    return ImageError(
        f"{path.name} is not a Debian package", why=why, next_step="lock again to fetch it anew"
    )
