"""Several object stores as one: what is put goes to the first, what is read comes from the first
that has it.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from reprobox.kit.canon import Digest
from reprobox.store.objects import ObjectStore


class ChainObjects:
    """The project's objects, then the shared ones (`reprobox.model.ports.Objects`)."""

    def __init__(self, first: ObjectStore, *others: ObjectStore) -> None:
        self._first = first
        self._all = (first, *others)

    def has(self, digest: str) -> bool:
        """Whether any store has the bytes."""
        return any(store.has(digest) for store in self._all)

    def path(self, digest: str) -> Path:
        """The file in the first store that has it. Raises FetchError when none has."""
        return next((store for store in self._all if store.has(digest)), self._first).path(digest)

    def put_bytes(self, data: bytes) -> Digest:
        """Stores bytes in the first store."""
        return self._first.put_bytes(data)

    def put_file(self, path: Path, *, expect: str | None = None, move: bool = False) -> Digest:
        """Stores a file in the first store."""
        return self._first.put_file(path, expect=expect, move=move)

    def put_stream(self, stream: IO[bytes], *, expect: str | None = None) -> tuple[Digest, int]:
        """Stores a stream in the first store."""
        return self._first.put_stream(stream, expect=expect)

    def partial(self, digest: str) -> Path:
        """Where an unfinished download waits: in the first store, which is where it will be put."""
        return self._first.partial(digest)

    def verify(self, digest: str) -> bool:
        """Whether the copy that `path` gives is intact."""
        holder = next((store for store in self._all if store.has(digest)), None)
        return holder is not None and holder.verify(digest)

    def memo(self, key: str) -> Any | None:
        """The first store's answer that is not None."""
        return next((found for store in self._all if (found := store.memo(key)) is not None), None)

    def remember(self, key: str, value: Any) -> None:
        """Keeps a derived fact in the first store."""
        self._first.remember(key, value)
