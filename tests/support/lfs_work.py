"""A repository as git-lfs leaves it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from reprobox.source.lfs import stored_at

CONTENT = b"weights " * 1000


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(CONTENT).hexdigest()}\nsize {len(CONTENT)}\n".encode()


def stored(work) -> Path:
    return stored_at(work.top / ".git", hashlib.sha256(CONTENT).hexdigest())
