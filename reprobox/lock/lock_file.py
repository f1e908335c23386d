"""`reprobox.lock` on disk: JSON for people to read and diff, with a seal that shows when it was
edited by hand.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from reprobox.errors import LockInvalid, LockMissing
from reprobox.kit import canon, files
from reprobox.model import codec
from reprobox.model.lock import Lock

_AGAIN = "take the file back from git, or make it again with `reprobox lock`"
_SEAL = "seal"


def digest(lock: Lock) -> canon.Digest:
    """The digest that names a lock: of everything but `image`."""
    return codec.digest(lock.without_image())


def render(lock: Lock) -> bytes:
    """The bytes of the file. The seal is the digest of all other keys."""
    body = codec.to_json(lock)
    sealed = {**body, _SEAL: canon.digest_of(body)}
    return (
        json.dumps(sealed, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"
    ).encode("ascii")


def write(path: Path, lock: Lock) -> None:
    """Writes the lock, whole or not at all; mode 0644. The umask is not asked, because the file is
    committed.
    """
    files.replace(path, render(lock))
    path.chmod(0o644)


def read(path: Path) -> Lock:
    """Reads a lock.

    Raises:
        LockMissing: there is none.
        LockInvalid: it is damaged, has conflict marks, or was edited by hand.
        NewerFormat: a newer reprobox wrote it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise LockMissing(
            f"there is no {path.name}",
            why=f"Looked at {path}.",
            next_step="make it with `reprobox lock`",
        ) from None
    except OSError as error:
        raise LockInvalid(f"{path} cannot be read", why=str(error), next_step=_AGAIN) from error
    return parse(data, where=path.name)


@functools.lru_cache(maxsize=4)  # a sweep reads one lock for each of its runs
def parse(data: bytes, *, where: str) -> Lock:
    """Reads the bytes of a lock; raises as `read`."""
    document = _document(data, where)
    try:
        lock = codec.from_json(Lock, document, where=where, error=LockInvalid)
    except LockInvalid as error:
        raise LockInvalid(error.what, why=error.why, next_step=_AGAIN) from error
    seal = document.pop(_SEAL, None)
    if seal != canon.digest_of(document):
        raise LockInvalid(
            f"{where} was edited by hand or damaged",
            why="Its content does not have the digest that its `seal` says.",
            next_step=_AGAIN,
        )
    return lock


def _document(data: bytes, where: str) -> dict[str, Any]:
    if b"\n<<<<<<< " in data or data.startswith(b"<<<<<<< "):
        raise LockInvalid(
            f"{where} has merge conflict marks",
            next_step="resolve the conflict with either side, then run `reprobox lock`",
        )
    try:
        document = canon.parse(data)
    except ValueError as error:
        raise LockInvalid(
            f"{where} is not readable JSON", why=str(error), next_step=_AGAIN
        ) from error
    if not isinstance(document, dict):
        raise LockInvalid(f"{where} is not a JSON object", next_step=_AGAIN)
    return document
