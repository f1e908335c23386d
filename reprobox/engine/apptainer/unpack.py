"""Layers into a directory, as an engine would lay them over each other, without root.

Paths are resolved below the directory as the kernel would below a root: a link of a lower layer may
lead anywhere in the image, and nowhere out of it. Whiteouts are those of the OCI image
specification (layer.md). What an ordinary user cannot make is left out: owners, device nodes and
extended attributes.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tarfile
from pathlib import Path
from typing import IO, Protocol, cast

from reprobox.errors import EngineError
from reprobox.kit import fd_trees

_LINKS = 40
"""Links on the way to one path, as the kernel allows them."""
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_OURS = 0o700
"""Bits of a directory that we need while we write into it."""


class Readable(Protocol):
    """What a layer is read from, once and in order."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; empty at the end."""


class Tree:
    """A root file system in the making."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._folders: dict[str, tuple[int, float]] = {}
        """Mode and time of each directory, set at the end: writing into it changes them."""
        self._known: dict[str, str] = {}
        self._owners = os.geteuid() == 0
        root.mkdir()

    def apply(self, layer: Readable) -> None:
        """Lays one layer over what is there.

        Raises:
            EngineError: it is not a tar file, or leads out of the root.
        """
        written: set[str] = set()
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", layer), mode="r|") as archive:
                for member in archive:
                    self._add(archive, member, written)
        except tarfile.TarError as fault:
            raise EngineError("Could not load an image: a layer is damaged", why=str(fault)) from (
                fault
            )

    def finish(self) -> None:
        """Gives directories their modes and times, the innermost first."""
        for path, (mode, mtime) in sorted(self._folders.items(), reverse=True):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.chmod(path, mode)
                os.utime(path, (mtime, mtime))

    def _add(self, archive: tarfile.TarFile, member: tarfile.TarInfo, written: set[str]) -> None:
        parts = _parts(member.name)
        if not parts:
            self._folders[self._root] = (member.mode & 0o7777, member.mtime)
            return
        folder, name = self._inside(parts[:-1]), parts[-1]
        if name == _OPAQUE:
            self._clear(folder, written)
        elif name.startswith(_WHITEOUT):
            self._remove(f"{folder}/{name.removeprefix(_WHITEOUT)}")
        else:
            path = f"{folder}/{name}"
            written.add(path)
            self._make(archive, member, path)

    def _make(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
        if member.isdir():
            self._directory(member, path)
            return
        if member.islnk():
            source = self._inside(_parts(member.linkname)[:-1]) + "/" + _parts(member.linkname)[-1]
            if source != path:
                self._remove(path)
                os.link(source, path, follow_symlinks=False)
            return
        self._remove(path)
        if member.issym():
            os.symlink(member.linkname, path)
        elif member.isreg():
            _copy(archive, member, path)
        elif member.isfifo():
            os.mkfifo(path)
        else:
            return  # a device node, which Apptainer would not show (nodev)
        self._own(member, path)
        if not member.issym():
            os.chmod(path, member.mode & 0o7777)
        os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)

    def _directory(self, member: tarfile.TarInfo, path: str) -> None:
        there = _kind(path)
        if there is None or not stat.S_ISDIR(there):
            self._remove(path)
            os.mkdir(path)
        self._own(member, path)
        os.chmod(path, (member.mode & 0o7777) | _OURS)
        self._folders[path] = (member.mode & 0o7777, member.mtime)

    def _own(self, member: tarfile.TarInfo, path: str) -> None:
        if self._owners:
            os.chown(path, member.uid, member.gid, follow_symlinks=False)

    def _clear(self, folder: str, written: set[str]) -> None:
        for name in os.listdir(folder):
            path = f"{folder}/{name}"
            if not any(one == path or one.startswith(path + "/") for one in written):
                self._remove(path)

    def _remove(self, path: str) -> None:
        kind = _kind(path)
        if kind is None:
            return
        if stat.S_ISDIR(kind) or stat.S_ISLNK(kind):
            self._known.clear()
        if stat.S_ISDIR(kind):
            fd_trees.remove(Path(path))
        else:
            os.unlink(path)

    def _inside(self, parts: list[str]) -> str:
        """Where a directory of the image is, made where it is not there."""
        name = "/".join(parts)
        if name not in self._known:
            self._known[name] = self._resolved(parts)
        return self._known[name]

    def _resolved(self, parts: list[str]) -> str:
        place: list[str] = []
        left, links = list(reversed(parts)), 0
        while left:
            part = left.pop()
            if part == "..":
                place = place[:-1]
                continue
            path = "/".join((self._root, *place, part))
            kind = _kind(path)
            if kind is not None and stat.S_ISLNK(kind):
                links += 1
                if links > _LINKS:
                    raise EngineError(
                        f"Could not load an image: too many links on {'/'.join(parts)}"
                    )
                target = os.readlink(path)
                place = [] if target.startswith("/") else place
                left += [one for one in reversed(target.split("/")) if one not in ("", ".")]
                continue
            if kind is None or not stat.S_ISDIR(kind):
                self._remove(path)
                os.mkdir(path, 0o755)
            place.append(part)
        return "/".join((self._root, *place))


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    source = archive.extractfile(member)
    with open(path, "xb") as target:
        while source is not None and (chunk := source.read(1 << 20)):
            target.write(chunk)


def _parts(name: str) -> list[str]:
    """The parts of a member's path; one that would climb stays at the top, as below a root."""
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return parts


def _kind(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
