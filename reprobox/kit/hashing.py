"""sha256 in a thread of its own, while the caller reads, decompresses and writes on."""

from __future__ import annotations

import functools
import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

_SMALL = 64 << 10
"""Bytes up to which handing them over takes longer than to hash them."""
_AHEAD = 16
"""Pieces that may wait to be hashed."""


@functools.cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "sha256")


class Hashing:
    """As `hashlib.sha256()`. Large pieces are hashed later, in order; hashlib lets other threads go
    on meanwhile.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._waiting: deque[Future[None]] = deque()

    def update(self, data: bytes) -> None:
        """Adds bytes."""
        if len(data) <= _SMALL and not self._waiting:
            self._hash.update(data)
            return
        if len(self._waiting) >= _AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(_thread().submit(self._hash.update, data))

    def hexdigest(self) -> str:
        """Of all that was added."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._hash.hexdigest()
