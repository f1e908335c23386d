"""The same tar for the same tree: fixed times and owners, PAX only where a field needs it, a fixed
order given by the caller.
"""

from __future__ import annotations

import io
import tarfile
from typing import IO, cast

EPOCH_1980 = 315532800
"""1980-01-01T00:00:00Z: the oldest time that a zip file can hold, so wheels and layers agree (PEP
427 archives are zips).
"""


def entry(
    name: str,
    *,
    mode: int = 0o644,
    size: int = 0,
    kind: bytes = tarfile.REGTYPE,
    link: str = "",
    mtime: int = EPOCH_1980,
) -> tarfile.TarInfo:
    """A member with every field fixed: uid and gid 0, no names."""
    info = tarfile.TarInfo(name)
    info.mode, info.size, info.type, info.linkname, info.mtime = mode, size, kind, link, mtime
    return info


class _Forward:
    """What tarfile needs of a file that is written forward only.

    Its own stream mode ("w|") costs quadratic time for big members, and writes once more when a
    broken archive is collected.
    """

    def __init__(self, target: IO[bytes]) -> None:
        self._target, self._size = target, 0

    def write(self, data: bytes, /) -> int:
        self._target.write(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size


class TarStream:
    """A tar that is written forward only, to any object with `write`."""

    def __init__(self, target: IO[bytes]) -> None:
        self._tar = tarfile.TarFile(
            fileobj=cast("IO[bytes]", _Forward(target)), mode="w", format=tarfile.PAX_FORMAT
        )
        # Documented argument of tarfile.open that typeshed does not know; 16 KiB copies cost 7.2 s
        # where 1 MiB cost 4.1 s (torch).
        self._tar.copybufsize = 1 << 20  # type: ignore[attr-defined]

    def directory(self, name: str, mode: int = 0o755) -> None:
        """Adds a directory."""
        self._tar.addfile(entry(name.rstrip("/"), mode=mode, kind=tarfile.DIRTYPE))

    def symlink(self, name: str, link: str) -> None:
        """Adds a symbolic link."""
        self._tar.addfile(entry(name, mode=0o777, kind=tarfile.SYMTYPE, link=link))

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Adds a file of known bytes."""
        self._tar.addfile(entry(name, mode=mode, size=len(data)), io.BytesIO(data))

    def stream(self, info: tarfile.TarInfo, source: IO[bytes] | None = None) -> None:
        """Adds a member whose bytes are read from a stream; `info.size` must be right."""
        self._tar.addfile(info, source)

    def close(self) -> None:
        """Writes the end of the archive."""
        self._tar.close()
