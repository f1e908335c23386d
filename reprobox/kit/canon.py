"""Canonical JSON and digests.

A digest is written `sha256:<64 hex>`, as OCI does (image-spec, descriptor.md). The canonical form
is JSON with sorted keys, no spaces, ASCII only (lone surrogates, which stand for the non-UTF-8
bytes of a path, survive as escapes), and finite numbers only; floats are written in Python's
shortest round-trip form, which is the same on every platform since Python 3.1.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NewType

from reprobox.kit.regex import regex

Digest = NewType("Digest", str)

_DIGEST = regex(r"sha256:[0-9a-f]{64}")
_MAX_DEPTH = 64
_CHUNK = 1 << 20
_SMALL = 1 << 16
"""Bytes that are read first: a buffer of this size costs no call of the kernel."""


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value.

    Raises:
        ValueError: for NaN, infinities, or values that are not JSON.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode("ascii")


def digest_bytes(data: bytes) -> Digest:
    """sha256 of some bytes."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def digest_of(value: Any) -> Digest:
    """sha256 of the canonical form of a JSON value."""
    return digest_bytes(canonical(value))


def digest_file(path: Path | str, advance: Callable[[int], None] | None = None) -> Digest:
    """sha256 of a file's bytes; `advance` is called with each piece that is done."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return digest_descriptor(fd, advance)
    finally:
        os.close(fd)


def digest_descriptor(fd: int, advance: Callable[[int], None] | None = None) -> Digest:
    """sha256 of what is left to read of an open file; `advance` as for `digest_file`. Most files
    are small, and are read without the large buffer of `hashlib.file_digest`.
    """
    first = os.read(fd, _SMALL)
    hasher = hashlib.sha256(first)
    if advance is not None and first:
        advance(len(first))
    for piece in _rest(fd) if first else ():
        hasher.update(piece)
        if advance is not None:
            advance(len(piece))
    return Digest("sha256:" + hasher.hexdigest())


def _rest(fd: int) -> Iterable[bytes | memoryview]:
    """What is left to read of a file; each piece is valid until the next is asked for."""
    first = os.read(fd, _SMALL)
    return _large(fd, first) if first else ()  # a small file ends here


def _large(fd: int, first: bytes) -> Iterator[bytes | memoryview]:
    yield first
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    while size := os.readv(fd, [buffer]):
        yield view[:size]


def is_digest(text: str) -> bool:
    """Whether the text is a well-formed sha256 digest."""
    return _DIGEST.fullmatch(text) is not None


def hex_of(digest: str) -> str:
    """The hexadecimal part.

    Raises:
        ValueError: when the text is not a digest; so it is safe to make a path of the result.
    """
    if not is_digest(digest):
        raise ValueError(f"not a sha256 digest: {digest!r}")
    return digest.removeprefix("sha256:")


def copy_hashing(source: IO[bytes], target: IO[bytes]) -> tuple[Digest, int]:
    """Copies a stream and hashes what was written, in one pass; gives digest and size in bytes."""
    hasher = hashlib.sha256()
    size = 0
    while chunk := source.read(_CHUNK):
        hasher.update(chunk)
        target.write(chunk)
        size += len(chunk)
    return Digest("sha256:" + hasher.hexdigest()), size


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("duplicate key in JSON object")
    return dict(pairs)


def _refuse(token: str) -> Any:
    raise ValueError(f"{token} is not JSON")


def _finite(token: str) -> float:
    number = float(token)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"number out of range: {token[:40]}")
    return number


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError("JSON nested too deeply")
    children = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    for child in children:
        _check_depth(child, depth + 1)


def parse(data: bytes | str) -> Any:
    """Reads JSON strictly: no duplicate keys, no NaN or infinities, bounded depth.

    Raises:
        ValueError: for anything else (RecursionError and encoding errors included).
    """
    try:
        value = json.loads(
            data, object_pairs_hook=_no_duplicates, parse_constant=_refuse, parse_float=_finite
        )
        _check_depth(value)
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error
    return value
