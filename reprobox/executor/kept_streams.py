"""What a run wrote: from its files, once it has a record, and a sink that keeps what comes."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

_CHUNK = 1 << 16


def kept(path: Path, but: Collection[str] = ()) -> Iterator[tuple[str, bytes]]:
    """The streams of a run that has its record."""
    for name in sorted({"stdout", "stderr"} - set(but), reverse=True):
        with contextlib.suppress(FileNotFoundError), (path / name).open("rb") as file:
            yield from ((name, chunk) for chunk in _chunks(file))


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


class Lines:
    """A sink that keeps what comes until it is taken."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, bytes]] = []

    def write(self, stream: str, data: bytes) -> None:
        self._kept.append((stream, data))

    def take(self) -> list[tuple[str, bytes]]:
        kept, self._kept = self._kept, []
        return kept
