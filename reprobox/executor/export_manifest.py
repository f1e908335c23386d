"""The note of what was laid out for a run, by which its outputs are distinguished from its code;
kept in the run's directory while it runs.

Its last line is the digest of the others: the note is not forced to the disk, so after a power cut
it may be torn, and then the commit is read again.
"""

from __future__ import annotations

from pathlib import Path

from reprobox.kit import canon
from reprobox.model.source import Exported

NAME = "exported.jsonl"


def write(directory: Path, exported: tuple[Exported, ...]) -> None:
    """Makes the note."""
    lines = b"".join(
        canon.canonical([item.path, item.kind, item.mode, item.sha256]) + b"\n" for item in exported
    )
    (directory / NAME).write_bytes(lines + canon.digest_bytes(lines).encode() + b"\n")


def read(directory: Path) -> tuple[Exported, ...] | None:
    """What the note says; None when it is absent or torn."""
    try:
        data = (directory / NAME).read_bytes()
    except FileNotFoundError:
        return None
    lines = data.splitlines(keepends=True)
    body = b"".join(lines[:-1])
    if not lines or lines[-1] != canon.digest_bytes(body).encode() + b"\n":
        return None
    return tuple(
        Exported(path=path, kind=kind, mode=mode, size=0, sha256=sha256)
        for path, kind, mode, sha256 in map(canon.parse, lines[:-1])
    )
