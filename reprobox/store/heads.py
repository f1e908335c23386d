"""heads.log: every record's digest, in a chain, so that a record that was removed or put back to an
older one is noticed.

A line is canonical JSON and holds the digest of the line before. A record is announced here before
it is published; so a record that is there has a line, and a line without a record is a run whose
end was cut off and will be announced again, or a deletion.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from reprobox.errors import StoreDamaged
from reprobox.kit import canon, files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.model.later import later
from reprobox.store import layout

START = canon.digest_bytes(b"")
"""What the first line gives as the digest of the line before."""
_LINE = b'{"event":"%s","previous":"%s","record":"%s","run":"%s"}'
_SHORT = _LINE[:-1] + b',"short":"%s"}'
_LONGEST = 4096
"""Bytes; far above any line that is written here."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """One line."""

    previous: str
    run: str
    event: Literal["record", "removed"]
    record: str = ""
    """Digest of record.json; empty for a removal."""
    short: str = later("")
    """Digest of what lies on the disk for it, where that is shorter (run_documents)."""


@dataclass(frozen=True, kw_only=True)
class Announced:
    """The last that an unbroken log says of a run that has a record."""

    record: str
    short: str
    """As in Head; empty where the log does not have it."""


def append(
    root: Path, run: str, event: Literal["record", "removed"], record: str = "", short: str = ""
) -> None:
    """Adds a line, durably. A last line that a crash cut off is cut away first: it was never
    acknowledged.
    """
    path = root / "heads.log"
    with layout.trouble(f"writing {path}"), files.locked(root / "heads.lock"):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            end, previous = _tail(fd)
            os.ftruncate(fd, end)
            other = "" if short == record else short
            head = Head(previous=previous, run=run, event=event, record=record, short=other)
            _write_all(fd, codec.encode(head) + b"\n", end)
            os.fsync(fd)
        finally:
            os.close(fd)
        if end == 0:
            files.fsync_dir(root)


def read(root: Path) -> Iterator[Head]:
    """Every line, oldest first.

    Raises:
        StoreDamaged: the chain is broken: a line was changed, removed or added by hand.
    """
    path = root / "heads.log"
    previous = START
    for number, line in enumerate(_lines(path), 1):
        head = _decoded(line, f"{path}, line {number}")
        if head.previous != previous:
            raise StoreDamaged(
                f"{path} is not one chain", why=f"Line {number} does not follow the line before it."
            )
        previous = canon.digest_bytes(line)
        yield head


def _decoded(line: bytes, where: str) -> Head:
    """A line that is as `append` writes it is read fast; all others strictly."""
    with contextlib.suppress(StoreDamaged):
        head = codec.peek(Head, line, where=where)
        fields = (head.event, head.previous, head.record, head.run, head.short)
        if (_SHORT if head.short else _LINE) % tuple(
            map(os.fsencode, fields if head.short else fields[:-1])
        ) == line:
            return head
    return codec.decode(Head, line, where=where)


def last(root: Path, run: str) -> Head | None:
    """What was announced last of a run, as far as the log can be believed; None for nothing."""
    found: Head | None = None
    with contextlib.suppress(StoreDamaged):
        for head in read(root):
            if head.run == run:
                found = head
    return found


def size(root: Path) -> int:
    """Bytes of the log, which only grows."""
    path = root / "heads.log"
    with layout.trouble(f"reading {path}"):
        try:
            return os.stat(path).st_size
        except FileNotFoundError:
            return 0


def _lines(path: Path) -> Iterator[bytes]:
    """The lines without their ends, one at a time; not the last when a crash cut it off: it was
    never acknowledged.
    """
    with layout.trouble(f"reading {path}"):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return
    with file, layout.trouble(f"reading {path}"):
        held: bytes | None = None
        for line in file:
            if held is not None:
                yield held
            held = line[:-1] if line.endswith(b"\n") else None
        if held is not None and _readable(held):
            yield held


def _tail(fd: int) -> tuple[int, str]:
    """Where the last whole line ends, and its digest."""
    size = os.fstat(fd).st_size
    begin = max(0, size - 2 * _LONGEST)
    block = os.pread(fd, size - begin, begin)
    end = block.rfind(b"\n") + 1
    while end:
        line = block[block.rfind(b"\n", 0, end - 1) + 1 : end - 1]
        if _readable(line):
            return begin + end, canon.digest_bytes(line)
        end -= len(line) + 1
    return (begin + end, START) if begin == 0 else (size, START)


def _readable(line: bytes) -> bool:
    try:
        codec.decode(Head, line, where="heads.log")
    except StoreDamaged:
        return False
    return True


def _write_all(fd: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written
