"""Pieces of bytes as a file."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any


class Pieces(io.RawIOBase):
    """Reads from an iterable of bytes, of whatever lengths; empty ones are passed over."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces = iter(pieces)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills as much as one piece gives; 0 at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
