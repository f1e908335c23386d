"""Containers by what is in them, one within another.

A container's reader hands over each member, as a file or as a text that says what the member is
instead (a link, a directory); its leaves get the name `member!leaf`.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Protocol

from reprobox.judge.accounting import File
from reprobox.judge.content import Content, Piece
from reprobox.judge.leaves import Blob, Leaf, Unreadable, put, quoted

_CHUNK = 1 << 20
_DEPTH = 3


class Unpacker:
    """Reads a file and, if it is a container, its members, which are unpacked into a directory
    under numbered names.

    Args:
        directory: of its own; made when something is unpacked, and removed by the caller.
        limit: bytes that everything together may unpack to.
        members: how many one container may have.
    """

    def __init__(self, directory: Path, limit: int, members: int = 100_000) -> None:
        self._directory, self._left, self.most = directory, limit, members
        self._names = itertools.count()

    def read(self, path: Path, name: str, depth: int = 0) -> Content:
        """The content; leaves of members are prefixed `member!`. Raises Unreadable."""
        from reprobox.judge.formats import registry

        return registry.read(File(path=path, name=name, inside=self, depth=depth))

    def left(self) -> int:
        """Bytes that may still be unpacked."""
        return self._left

    def take(self, size: int) -> None:
        """Counts unpacked bytes. Raises Unreadable where they are too many."""
        self._left -= size
        if self._left < 0:
            raise Unreadable("a container that unpacks to more than a reader may take")

    def file(self) -> Path:
        """A new, empty place to unpack to."""
        self._directory.mkdir(parents=True, exist_ok=True)
        return self._directory / str(next(self._names))


class Chunks(Protocol):
    """Something that is read piece by piece."""

    def read(self, size: int, /) -> bytes:
        """At most that many bytes; nothing at the end."""
        ...


def keep(file: File, stream: IO[bytes] | Chunks) -> Path:
    """Unpacks a stream to a file. Raises Unreadable where it is too much."""
    target = file.inside.file()
    with target.open("wb") as out:
        while chunk := stream.read(_CHUNK):
            file.inside.take(len(chunk))
            out.write(chunk)
    return target


def keep_all(file: File, chunks: Iterable[bytes]) -> Path:
    """The same for pieces that come by themselves."""
    target = file.inside.file()
    with target.open("wb") as out:
        for chunk in chunks:
            file.inside.take(len(chunk))
            out.write(chunk)
    return target


class Members:
    """Collects the leaves and rests of a container's members."""

    def __init__(self, file: File) -> None:
        if file.depth >= _DEPTH:
            raise Unreadable("containers within containers within containers")
        self._file = file
        self._found: dict[str, Leaf] = {}
        self._rest: list[Piece] = []
        self._readers: list[str] = []
        self._count = 0

    def add(self, member: str, inner: Path | str) -> None:
        """Adds a member: where its bytes are, or what it is instead of a file.

        Every member has a leaf `member!`, so that two of one name are noticed.
        """
        self._count += 1
        if self._count > getattr(self._file.inside, "most", self._count):
            raise Unreadable("a container of more members than a reader may take")
        prefix = f"{quoted(member) if '!' in member or member.startswith(chr(34)) else member}!"
        if isinstance(inner, str):
            put(self._found, prefix, inner)
            return
        try:
            content = self._file.inside.read(inner, member, self._file.depth + 1)
        except Unreadable:
            put(self._found, prefix, Blob(_digest(inner)))
            return
        put(self._found, prefix, content.format)
        for name, leaf in content.leaves.items():
            put(self._found, f"{prefix}{name}", leaf)
        self._rest += [replace(one, member=f"{prefix}{one.member}") for one in content.rest]
        self._readers += [one for one in content.readers if one not in self._readers]

    def say(self, name: str, leaf: Leaf) -> None:
        """Adds a leaf of the container itself."""
        put(self._found, name, leaf)

    def content(self, format_: str, *, ordered: bool = False) -> Content:
        """What the container says. Its members are sorted, unless their order is said to count."""
        leaves: Mapping[str, Leaf] = self._found if ordered else dict(sorted(self._found.items()))
        own = self._file.content(format_, leaves)
        rest = self._rest if ordered else sorted(self._rest, key=lambda one: one.member)
        return replace(own, rest=(*own.rest, *rest), readers=tuple(self._readers))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{digest} ({path.stat().st_size} bytes)"
