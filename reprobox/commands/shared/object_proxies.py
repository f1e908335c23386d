"""Objects that pass everything on, for who wants to know or to withhold a part of it."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from reprobox.kit.canon import Digest
from reprobox.model.ports import Objects


class Passing(Objects):
    """As the objects behind it."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def has(self, digest: str) -> bool:
        """As Objects."""
        return self._objects.has(digest)

    def path(self, digest: str) -> Path:
        """As Objects."""
        return self._objects.path(digest)

    def put_bytes(self, data: bytes) -> Digest:
        """As Objects."""
        return self._objects.put_bytes(data)

    def put_file(self, path: Path, *, expect: str | None = None, move: bool = False) -> Digest:
        """As Objects."""
        return self._objects.put_file(path, expect=expect, move=move)

    def put_stream(self, stream: IO[bytes], *, expect: str | None = None) -> tuple[Digest, int]:
        """As Objects."""
        return self._objects.put_stream(stream, expect=expect)

    def partial(self, digest: str) -> Path:
        """As Objects."""
        return self._objects.partial(digest)

    def verify(self, digest: str) -> bool:
        """As Objects."""
        return self._objects.verify(digest)

    def memo(self, key: str) -> Any | None:
        """As Objects."""
        return self._objects.memo(key)

    def remember(self, key: str, value: Any) -> None:
        """As Objects."""
        self._objects.remember(key, value)


class NoMemo(Passing):
    """Remembers nothing: an edit of a file can also restore its times."""

    def memo(self, key: str) -> None:
        """Nothing is known."""

    def remember(self, key: str, value: Any) -> None:
        """Nothing is kept."""


class Noting(Passing):
    """Notes which derived facts were asked for and found, and which were just derived."""

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects)
        self.memos: dict[str, Any] = {}

    def memo(self, key: str) -> Any | None:
        """As Objects."""
        found = super().memo(key)
        if found is not None:
            self.memos[key] = found
        return found

    def remember(self, key: str, value: Any) -> None:
        """As Objects."""
        super().remember(key, value)
        self.memos[key] = value
