"""A bundle: cards and blobs in one file. The format is in docs/sharing.md.

The file is a row of zstd frames (RFC 8878), so `zstd -dc` reads it; the plain text is a line with
the version, a line with size and digest of the index, the index, and the blobs end to end in the
index's order. There are no names to unpack, no links and no kinds of file: where bytes go follows
from the cards. The last frame is a skippable one with the sha256 of all bytes before it. Why our
own format: of 34 hostile archives, `tarfile` with the data filter let 14 do what we do not allow.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import IO, Any, ClassVar, Self

from reprobox.errors import BundleRefused, HashMismatch, NewerFormat, ReproboxError
from reprobox.kit import canon, zstd
from reprobox.kit.hashing import Hashing
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.model import codec
from reprobox.store import layout
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Card, Outcome, Readable, refused

VERSION = 1
FRAME = 4 << 20
"""Bytes of plain text in a frame; a constant of the format's writer, so that the same runs give the
same file.
"""
RATIO = 1024
"""A frame never stands for more than so many times its own bytes: the writer pads, the reader
refuses.
"""
LEVEL = 3
_MAX_INDEX = 256 << 20
_SLACK = 128 << 20
"""Bytes that the ratio may be exceeded by: what a decompressor has read ahead, times the ratio."""
_CHUNK = 1 << 20
_READ = 1 << 16
_SKIP, _END = 0x184D2A50, 0x184D2A5B
"""Magic numbers of skippable frames (RFC 8878, 3.1.2)."""
_SEAL = b"reprobox-end/1 "
_TAIL = 8 + len(_SEAL) + 64
_FIRST = regex(rb"reprobox-bundle/(\d{1,6})\n")


@dataclass(frozen=True, kw_only=True)
class Index:
    """The bundle's table of contents."""

    FORMAT: ClassVar[str] = "reprobox.bundle/1"

    format: str = FORMAT
    cards: tuple[Card, ...]
    order: tuple[tuple[str, int], ...]
    """Digest and size of each blob, as they follow each other."""


class Writer:
    """A bundle that is being written (a `copy.Destination`); a context manager, which ends
    the compressing threads.
    """

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self._pool = ThreadPoolExecutor(2)
        self._sealing = ThreadPoolExecutor(1)
        self._sealed: Future[None] | None = None
        """The last piece that is being hashed for the seal, next to the work on blobs."""
        self._frames: deque[tuple[int, Future[bytes]]] = deque()
        self._buffer: list[bytes] = []
        self._room = FRAME
        self.size = 0
        """Bytes written so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pool in (self._pool, self._sealing):
            pool.shutdown(cancel_futures=True)

    def missing(self, cards: Sequence[Card]) -> Mapping[str, int]:
        """Everything: a bundle stands alone."""
        return copy.wanted_of(cards)

    def begin(self, cards: Sequence[Card], wanted: Mapping[str, int]) -> Mapping[str, int]:
        """Writes the index."""
        ordered = tuple(sorted(cards, key=lambda card: card.id))
        index = codec.encode(Index(cards=ordered, order=tuple(wanted.items())))
        self._add(
            f"reprobox-bundle/{VERSION}\n{len(index)} "
            f"{canon.hex_of(canon.digest_bytes(index))}\n".encode("ascii")
        )
        self._add(index)
        return {}

    def put(self, digest: str, size: int, stream: Readable, offset: int = 0) -> None:
        """Writes a blob; `offset` is 0, because a bundle begins with nothing.

        Raises:
            HashMismatch: the bytes are not what the store says; the bundle is worth nothing then.
        """
        hasher, left = hashlib.sha256(), size
        while left and (chunk := stream.read(min(_CHUNK, left))):
            hasher.update(chunk)
            self._add(chunk)
            left -= len(chunk)
        if left or stream.read(1) or f"sha256:{hasher.hexdigest()}" != digest:
            raise HashMismatch(f"digest mismatch for {digest}")

    def publish(self, card: Card) -> Outcome:
        """A run in a bundle is visible once the bundle is."""
        return "new"

    def finish(self) -> None:
        """Writes the last frame and the seal."""
        self._send()
        while self._frames:
            self._write_oldest()
        self._wait()
        seal = _SEAL + self._hash.hexdigest().encode("ascii")
        self._write(struct.pack("<II", _END, len(seal)) + seal)

    def _add(self, data: bytes) -> None:
        while len(data) >= self._room:
            self._buffer.append(data[: self._room])
            data = data[self._room :]
            self._send()
        if data:
            self._buffer.append(data)
            self._room -= len(data)

    def _send(self) -> None:
        """Hands a frame to the threads; joining and compressing let go of the interpreter there."""
        length = sum(map(len, self._buffer))
        if length:
            self._frames.append((length, self._pool.submit(_compress, self._buffer)))
        self._buffer, self._room = [], FRAME
        while len(self._frames) > 4:
            self._write_oldest()

    def _write_oldest(self) -> None:
        length, frame = self._frames.popleft()
        data = frame.result()
        self._write(data)
        lacking = -(-length // RATIO) - len(data)
        if lacking > 0:
            self._write(struct.pack("<II", _SKIP, lacking) + bytes(lacking))

    def _write(self, data: bytes) -> None:
        with layout.trouble("writing the bundle"):
            self._target.write(data)
        self._wait()
        self._sealed = self._sealing.submit(self._hash.update, data)
        self.size += len(data)

    def _wait(self) -> None:
        if self._sealed is not None:
            self._sealed.result()


def _compress(parts: Sequence[bytes]) -> bytes:
    return zstd.compress(b"".join(parts), LEVEL)


class _Body:
    """The file without its seal; hashes and counts what is handed out."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._held = b""
        self._hash = Hashing()
        self.count = 0

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer; the last _TAIL bytes of the file are never given."""
        want = size if size >= 0 else _READ
        while len(self._held) < _TAIL + want and (more := self._more(max(_READ, want))):
            self._held += more
        end = max(0, min(want, len(self._held) - _TAIL))
        given, self._held = self._held[:end], self._held[end:]
        self._hash.update(given)
        self.count += len(given)
        return given

    def _more(self, size: int) -> bytes:
        try:
            return self._source.read(size)
        except OSError as fault:
            raise unreadable(fault) from fault

    def sealed(self) -> bool:
        """Whether the whole file was read and is as it was written."""
        seal = _SEAL + self._hash.hexdigest().encode("ascii")
        return not self.read(1) and self._held == struct.pack("<II", _END, len(seal)) + seal


class _Plain:
    """The plain text, with errors reported as ours and a bound on what a frame may stand for."""

    def __init__(self, source: Readable) -> None:
        self._body = _Body(source)
        self._stream = zstd.plain(self._body, window=2 * FRAME, read_size=_READ)
        self._count = 0

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer."""
        try:
            data = self._stream.read(min(_CHUNK, size) if size >= 0 else _CHUNK)
        except zstd.ZstdError as fault:
            raise damaged(f"it cannot be decompressed: {fault}") from fault
        self._count += len(data)
        if self._count > RATIO * self._body.count + _SLACK:
            raise refused(f"it expands more than {RATIO} times, which no bundle does")
        return data

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        parts = []
        while size:
            part = self.read(size)
            if not part:
                raise damaged("it ends too early")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def line(self, longest: int) -> bytes:
        """A line, with its end."""
        found = b""
        while not found.endswith(b"\n"):
            if len(found) == longest:
                raise damaged("it is not a bundle")
            found += self.exactly(1)
        return found

    def end(self) -> None:
        """Raises BundleRefused when there is more, or the seal is not the file's."""
        if self.read(1):
            raise damaged("there are bytes after its end")
        if not self._body.sealed():
            raise damaged("its seal is missing or is not over these bytes")


def unreadable(fault: OSError) -> BundleRefused:
    """The bundle's file cannot be read."""
    return BundleRefused(
        "the bundle cannot be read to its end",
        why=str(fault),
        next_step="copy the file again, then import again",
    )


def damaged(why: str) -> BundleRefused:
    """The bundle's bytes are not a whole bundle."""
    return BundleRefused(
        "this is not a whole bundle: it is cut off, damaged, or another file, and nothing of it "
        "was published",
        why=why,
        next_step="get the file again; what has arrived whole is kept, and a second import "
        "continues there",
    )


class _Part:
    """The bytes of one blob."""

    def __init__(self, plain: _Plain, size: int) -> None:
        self._plain, self.left = plain, size

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer; empty at the blob's end."""
        want = self.left if size < 0 else min(size, self.left)
        if want == 0:
            return b""
        data = self._plain.read(want)
        if not data:
            raise damaged("it ends too early")
        self.left -= len(data)
        return data

    def skip(self, count: int) -> None:
        """Leaves out so many bytes."""
        while count and (data := self.read(min(count, _CHUNK))):
            count -= len(data)


class Reader:
    """A bundle as an origin, read once from the front; never seeks, so it may be a pipe.

    Args:
        largest: bytes that its blobs may have together.

    Raises:
        BundleRefused: it is not a bundle, damaged, or larger than `largest`.
        NewerFormat: it was written by a newer reprobox.
    """

    again = False

    def __init__(self, source: Readable, *, largest: int = 1 << 44) -> None:
        self._plain = _Plain(source)
        _check_version(self._plain.line(32))
        self.index = _index(self._plain)
        copy.check_cards(self.index.cards)
        if dict(self.index.order) != copy.wanted_of(self.index.cards) or len(
            dict(self.index.order)
        ) != len(self.index.order):
            raise refused("its blobs are not the ones that its runs name")
        if sum(size for _, size in self.index.order) > largest:
            raise refused(f"it would take more than {largest} bytes")

    def cards(self) -> Sequence[Card]:
        """The runs in it."""
        return self.index.cards

    def blobs(self, wanted: Mapping[str, int]) -> Iterator[tuple[str, Any]]:
        """In the bundle's own order; what is not wanted is read and dropped. At the end the seal is
        checked.
        """
        for digest, size in self.index.order:
            part = _Part(self._plain, size)
            if digest in wanted:
                part.skip(wanted[digest])
                yield digest, part
            part.skip(part.left)
        self._plain.end()

    def mismatch(self, digest: str) -> ReproboxError:
        """The bundle lies, or was damaged."""
        return damaged(f"digest mismatch for {digest}")


def _check_version(line: bytes) -> None:
    match = _FIRST.fullmatch(line)
    if match is None:
        raise damaged("it does not begin as a bundle does")
    if int(match[1]) > VERSION:
        raise NewerFormat(
            f"the bundle has version {int(match[1])}, this reprobox reads {VERSION}",
            next_step="upgrade reprobox, then import again",
        )
    if int(match[1]) != VERSION:
        raise damaged(f"it has version {int(match[1])}")


def _index(plain: _Plain) -> Index:
    head = re.fullmatch(rb"(\d{1,12}) ([0-9a-f]{64})\n", plain.line(96))
    if head is None:
        raise damaged("it does not say how long its index is")
    if int(head[1]) > _MAX_INDEX:
        raise refused(f"its index is longer than {_MAX_INDEX} bytes")
    data = plain.exactly(int(head[1]))
    if canon.digest_bytes(data) != "sha256:" + head[2].decode("ascii"):
        raise damaged("its index is not the one that was written")
    return codec.decode(Index, data, where="the bundle's index", error=BundleRefused)
