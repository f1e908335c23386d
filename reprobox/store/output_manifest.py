"""outputs.jsonl: what a run left, a line a path, sorted by the bytes of the path; its digest stands
in the record.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from typing import ClassVar

from reprobox.errors import StoreDamaged
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.model.outcome import OutputFile

FORMAT = "reprobox.outputs/1"
_HEAD = canon.canonical({"format": FORMAT})
"""The first line."""
_WHERE = "the output manifest"


def outputs_manifest(files: Iterable[OutputFile]) -> bytes:
    """The one byte form of a set of outputs; the first line names the format."""
    ordered = sorted(files, key=lambda file: os.fsencode(file.path))
    lines = [_HEAD, *(codec.encode(file) for file in ordered)]
    return b"".join(line + b"\n" for line in lines)


def read_manifest(data: bytes, *, checked: bool = False) -> tuple[OutputFile, ...]:
    """Reads a manifest strictly: it may come from another machine.

    Args:
        checked: the bytes were checked against a record of this store, so lines are read faster.

    Raises:
        NewerFormat: written by a newer reprobox.
        StoreDamaged: not whole, not sorted, a path twice, or a path that leaves its directory.
    """
    lines = data.split(b"\n")
    if lines.pop() != b"" or not lines:
        raise StoreDamaged(f"{_WHERE} is cut off")
    if lines[0] != _HEAD:
        codec.decode(_Head, lines[0], where=_WHERE)
    read = codec.peek if checked else codec.decode
    found = tuple(
        read(OutputFile, line, where=f"{_WHERE}, line {number}")
        for number, line in enumerate(lines[1:], 2)
    )
    names = [_safe(file) for file in found]
    if any(first >= second for first, second in itertools.pairwise(names)):
        raise StoreDamaged(f"{_WHERE} is not sorted, or names a path twice")
    return found


@dataclass(frozen=True, kw_only=True)
class _Head:
    """The first line."""

    FORMAT: ClassVar[str] = FORMAT

    format: str


def _safe(file: OutputFile) -> bytes:
    try:
        name = os.fsencode(file.path)
    except UnicodeEncodeError:
        name = b""
    leaves = b"\0" in name or any(part in (b"", b".", b"..") for part in name.split(b"/"))
    if leaves or not canon.is_digest(file.sha256) or file.size < 0 or not 0 <= file.mode <= 0o777:
        raise StoreDamaged(
            f"{_WHERE} names something that cannot be an output",
            why=f"path {file.path!r}, sha256 {file.sha256!r}",
        )
    return name
