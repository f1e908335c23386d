"""Containers by what is in them: gzip, bzip2, xz and zlib by their payload, tar and zip by their
members, one within another.

Times, owners, permissions, compression and order of the members are left out: they are why such
files differ although the content agrees. A member that is no file (a link, a directory) is a leaf
that says what it is.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import itertools
import json
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from reprobox.judge.content import Blob, Content, Leaf, Unreadable, put
from reprobox.judge.formats import registry

_CHUNK = 1 << 20
_LINK = 1 << 16
_DEPTH = 3
_KINDS = {tarfile.DIRTYPE: "directory", tarfile.FIFOTYPE: "fifo"}
_FAULTS = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    RuntimeError,
    NotImplementedError,
)


class _Zlib:
    """A zlib stream (joblib's compression) as something that is read piece by piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._expand = file, zlib.decompressobj()

    def read(self, size: int) -> bytes:
        """At most that many bytes; nothing at the end. Raises EOFError where the stream is cut off."""
        while not self._expand.eof:
            packed = self._expand.unconsumed_tail or self._file.read(_CHUNK)
            if found := self._expand.decompress(packed, size):
                return found
            if not packed:
                raise EOFError("a zlib stream that is cut off")
        return b""


_STREAMS: dict[str, tuple[str, Callable[[IO[bytes]], Any]]] = {
    "gzip": (".gz", lambda file: gzip.GzipFile(fileobj=file)),
    "bzip2": (".bz2", bz2.BZ2File),
    "xz": (".xz", lzma.LZMAFile),
    "zlib": (".z", _Zlib),
}
"""Compressed streams of one payload: the ending that a name loses, and what reads them."""


class Unpacker:
    """Reads a file and, if it is a container, its members, which are unpacked into a directory
    under numbered names.

    Args:
        directory: an empty directory; whoever made it removes it.
        limit: bytes that everything together may unpack to.
        members: how many one container may have.
    """

    def __init__(self, directory: Path, limit: int, members: int = 100_000) -> None:
        self._directory, self._left, self._most = directory, limit, members
        self._names = itertools.count()

    def read(self, path: Path, name: str, depth: int = 0) -> Content:
        """The content; members are prefixed `member!`. Raises Unreadable."""
        kind = registry.kind_of(path, name)
        if kind not in ("tar", "zip", *_STREAMS):
            return registry.read(path, kind, self._left)
        if depth >= _DEPTH:
            raise Unreadable("containers within containers within containers")
        leaves: dict[str, Leaf] = {}
        try:
            for count, (member, inner) in enumerate(self._members(path, name, kind)):
                if count >= self._most:
                    raise Unreadable(f"a {kind} file of more members than a reader may take")
                for leaf, value in self._member(member, inner, depth).items():
                    put(leaves, leaf, value)
        except _FAULTS as error:
            raise Unreadable(f"a damaged {kind} file: {error}") from error
        return Content(
            format=kind, leaves=leaves if kind in _STREAMS else dict(sorted(leaves.items()))
        )

    def _member(self, member: str, inner: Path | str, depth: int) -> dict[str, Leaf]:
        """The leaves of a member; every member has `member!`, so that two of one name are noticed."""
        prefix = f"{json.dumps(member) if '!' in member or member.startswith(chr(34)) else member}!"
        if isinstance(inner, str):
            return {prefix: inner}
        try:
            content = self.read(inner, member, depth + 1)
        except Unreadable:
            with inner.open("rb") as file:
                return {
                    prefix: Blob(
                        f"{hashlib.file_digest(file, 'sha256').hexdigest()} "
                        f"({inner.stat().st_size} bytes)"
                    )
                }
        return {prefix: content.format} | {
            f"{prefix}{name}": leaf for name, leaf in content.leaves.items()
        }

    def _members(self, path: Path, name: str, kind: str) -> Iterator[tuple[str, Path | str]]:
        """Each member's name, and its bytes or what it is instead of a file."""
        if kind in _STREAMS:
            ending, opened = _STREAMS[kind]
            with path.open("rb") as file:
                yield Path(name).name.removesuffix(ending), self._keep(opened(file))
        elif kind == "tar":
            with tarfile.open(path) as tar:
                for info in tar:
                    yield info.name, self._in_tar(tar, info)
                _require_end(path, tar.offset)
        else:
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    yield member.filename, self._in_zip(archive, member)

    def _in_tar(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Path | str:
        if info.issym():
            return f"link to {info.linkname}"
        if info.islnk():
            return f"hard link to {info.linkname}"
        stream = tar.extractfile(info)
        if stream is None:
            return _KINDS.get(info.type) or f"device {info.type!r} {info.devmajor}:{info.devminor}"
        return self._keep(stream)

    def _in_zip(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Path | str:
        if member.is_dir():
            return "directory"
        with archive.open(member) as stream:
            if stat.S_ISLNK(member.external_attr >> 16):
                return f"link to {stream.read(_LINK).decode('utf-8', 'surrogateescape')}"
            return self._keep(stream)

    def _keep(self, stream: IO[bytes] | _Zlib) -> Path:
        target = self._directory / str(next(self._names))
        with target.open("wb") as file:
            while chunk := stream.read(_CHUNK):
                self._left -= len(chunk)
                if self._left < 0:
                    raise Unreadable("a container that unpacks to more than a reader may take")
                file.write(chunk)
        return target


def _require_end(path: Path, offset: int) -> None:
    """Python's tarfile ends at a damaged header as it does at the end. Raises Unreadable where
    there is more, or no end.
    """
    with path.open("rb") as file:
        file.seek(offset)
        chunk = file.read(_CHUNK)
        if len(chunk) < tarfile.BLOCKSIZE:
            raise Unreadable("a tar file that is cut off")
        while chunk:
            if chunk.strip(b"\0"):
                raise Unreadable(
                    f"a tar file with something behind its end, or a damaged member at {offset}"
                )
            chunk = file.read(_CHUNK)
