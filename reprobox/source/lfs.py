"""Git LFS: pointers in the commit, content next to the object database. The content is found and
checked here; git-lfs never runs.

What is a pointer is decided by the blob's own bytes (git-lfs, docs/spec.md), not by
`.gitattributes`, so that the answer is a function of the commit alone.
"""

from __future__ import annotations

import re
from pathlib import Path

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.source.repo import Repo

MAX_POINTER = 1024
"""A pointer is smaller than this (docs/spec.md)."""
MAGIC = b"version https://git-lfs.github.com/spec/v1\n"
_OID = regex(rb"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)
_SIZE = regex(rb"^size (\d{1,18})$", re.MULTILINE)


@dataclass(frozen=True)
class Pointer:
    """What a pointer says."""

    sha256: str
    """64 hexadecimal digits."""
    size: int


def pointer(data: bytes) -> Pointer | None:
    """The pointer that some bytes are, if they are one."""
    if len(data) >= MAX_POINTER or not data.startswith(MAGIC):
        return None
    oid, size = _OID.search(data), _SIZE.search(data)
    return Pointer(oid[1].decode("ascii"), int(size[1])) if oid and size else None


def stored_at(directory: Path, sha256: str) -> Path:
    """Where a store of LFS objects below a git directory has an object."""
    return directory / "lfs" / "objects" / sha256[:2] / sha256[2:4] / sha256


def find(repo: Repo, wanted: Pointer) -> Path | None:
    """The file that should hold the content; its bytes are yet to be checked. None when it was not
    fetched.
    """
    for directory in dict.fromkeys((repo.common_dir, repo.git_dir)):
        path = stored_at(directory, wanted.sha256)
        if path.is_file() and not path.is_symlink():
            return path
    return None
