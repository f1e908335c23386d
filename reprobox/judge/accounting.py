"""A file while it is read: its leaves so far, and where each of its bytes went."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Protocol

from reprobox.judge.content import Content, Piece, Span
from reprobox.judge.leaves import Leaf, Rows, put, put_rows
from reprobox.kit.lazy_dataclass import dataclass

_CHUNK = 1 << 20
SEVERAL = "*"
"""Of bytes that hold values and, between them, several of the things that are left out."""


class Inside(Protocol):
    """Reads what is in a container."""

    def left(self) -> int:
        """Bytes that may still be unpacked."""
        ...

    def take(self, size: int) -> None:
        """Counts bytes against that limit. Raises Unreadable."""
        ...

    def file(self) -> Path:
        """A new, empty place to unpack to."""
        ...

    def read(self, path: Path, name: str, depth: int) -> Content:
        """The content of a file one level deeper. Raises Unreadable."""
        ...


@dataclass(kw_only=True)
class File:
    """One file and what became of it. A byte of which nothing is said belongs to the rest."""

    path: Path
    name: str
    """In the run; the path may be a temporary one."""
    inside: Inside
    depth: int = 0
    leaves: dict[str, Leaf] = field(default_factory=dict)
    _read: list[tuple[int, int]] = field(default_factory=list)
    _left_out: list[Span] = field(default_factory=list)

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size

    @property
    def data(self) -> bytes | mmap.mmap:
        """All bytes, mapped and not read."""
        if not self.size:
            return b""
        with self.path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def put(self, name: str, leaf: Leaf) -> None:
        """Adds a leaf. Raises Unreadable where the name is taken."""
        put(self.leaves, name, leaf)

    def put_rows(self, name: str, rows: Rows) -> None:
        """Adds many leaves. Raises Unreadable where a name is taken."""
        put_rows(self.leaves, name, rows)

    def read(self, start: int, end: int) -> None:
        """These bytes are in leaves, or were checked to say nothing else than leaves do."""
        self._read.append((start, end))

    def leave_out(self, key: str, start: int, end: int) -> None:
        """These bytes are what LEFT_OUT names so; SEVERAL of its rows where they are mixed."""
        if start < end:
            self._left_out.append(Span(start=start, end=end, key=key))

    def read_all(self) -> None:
        """The reader has accounted for the whole file."""
        self.read(0, self.size)

    def content(self, format_: str, leaves: Mapping[str, Leaf] | None = None) -> Content:
        """What the file says; all that was not accounted for is its rest."""
        return Content(
            format=format_,
            leaves=self.leaves if leaves is None else leaves,
            rest=self._rest(),
            left_out=tuple(self._left_out),
        )

    def _rest(self) -> tuple[Piece, ...]:
        done = sorted([*self._read, *((span.start, span.end) for span in self._left_out)])
        place, found = 0, []
        for start, end in [*done, (self.size, self.size)]:
            if start > place:
                found.append(self._piece(place, start))
            place = max(place, end)
        return tuple(found)

    def _piece(self, start: int, end: int) -> Piece:
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            file.seek(start)
            for at in range(start, end, _CHUNK):
                digest.update(file.read(min(_CHUNK, end - at)))
        return Piece(path=self.path, offset=start, size=end - start, sha256=digest.hexdigest())
