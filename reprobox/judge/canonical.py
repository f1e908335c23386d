"""Containers by what is in them: gzip by its payload, tar and zip by their members, one within another.

Times, owners, compression and order of the members are left out: they are why such files differ although the content agrees.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from reprobox.judge import formats
from reprobox.judge.content import Content, Leaf, Unreadable

_CHUNK = 1 << 20
_DEPTH = 3
_MEMBERS = 100_000


class Unpacker:
    """Reads a file and, if it is a container, its members, which are unpacked into a directory under numbered names.

    Args:
        directory: an empty directory; whoever made it removes it.
        limit: bytes that everything together may unpack to.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self._directory, self._left = directory, limit
        self._names = itertools.count()

    def read(self, path: Path, name: str, depth: int = 0) -> Content:
        """The content; members are prefixed `member!`. Raises Unreadable."""
        kind = formats.kind_of(path, name)
        if kind not in ("gzip", "tar", "zip"):
            return formats.read(path, kind, self._left)
        if depth >= _DEPTH:
            raise Unreadable("containers within containers within containers")
        leaves: dict[str, Leaf] = {}
        try:
            for member, inner in self._members(path, name, kind):
                leaves |= self._member(member, inner, depth)
        except (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise Unreadable(f"a damaged {kind} file: {error}") from error
        return Content(format=kind, leaves=dict(sorted(leaves.items())) if kind != "gzip" else leaves)

    def _member(self, member: str, inner: Path, depth: int) -> dict[str, Leaf]:
        try:
            content = self.read(inner, member, depth + 1)
        except Unreadable:
            with inner.open("rb") as file:
                return {f"{member}!": f"{hashlib.file_digest(file, 'sha256').hexdigest()} ({inner.stat().st_size} bytes)"}
        return {f"{member}!{name}": leaf for name, leaf in content.leaves.items()} or {f"{member}!": content.format}

    def _members(self, path: Path, name: str, kind: str) -> Iterator[tuple[str, Path]]:
        if kind == "gzip":
            with gzip.open(path) as stream:
                yield Path(name).name.removesuffix(".gz"), self._keep(stream)
        elif kind == "tar":
            with tarfile.open(path) as tar:
                for info in itertools.islice(tar, _MEMBERS):
                    stream_or_none = tar.extractfile(info) if info.isreg() else None
                    if stream_or_none is not None:
                        yield info.name, self._keep(stream_or_none)
        else:
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist()[:_MEMBERS]:
                    if not member.is_dir():
                        with archive.open(member) as stream:
                            yield member.filename, self._keep(stream)

    def _keep(self, stream: IO[bytes] | gzip.GzipFile) -> Path:
        target = self._directory / str(next(self._names))
        with target.open("wb") as file:
            while chunk := stream.read(_CHUNK):
                self._left -= len(chunk)
                if self._left < 0:
                    raise Unreadable("a container that unpacks to more than a reader may take")
                file.write(chunk)
        return target
