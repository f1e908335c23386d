"""gzip, bzip2, xz, lzma and zlib: by their payload, under the name without the ending.

Streams one behind the other are one payload, as every tool unpacks them; what follows and is no
stream belongs to the rest.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats import archives
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Unreadable

_CHUNK = 1 << 20
_GZIP_HEADER = 10
_JOBLIB = (".joblib", ".pkl", ".pickle", ".z", ".zlib")
"""Endings under which a file that begins as zlib does (two bytes are little) is taken for it."""
_PACKING = {"packing": "degree and division of the compression"}


class _Stream:
    """Goes through a file of compressed streams and says where each ended."""

    def __init__(self, file: File, new: Callable[[], Any], magic: bytes) -> None:
        self._file, self._new, self._magic = file, new, magic
        self.place = 0

    def chunks(self) -> Iterator[bytes]:
        """The payload."""
        data, size = self._file.data, self._file.size
        while self.place < size and data[self.place : self.place + len(self._magic)] == self._magic:
            start, expand = self.place, self._new()
            at = start
            while not expand.eof:
                packed = bytes(data[at : at + _CHUNK])
                if not packed:
                    raise EOFError("a compressed stream that is cut off")
                at += len(packed)
                yield from _expanded(expand, packed)
            self.place = at - len(expand.unused_data)
            self._account(start, self.place)

    def _account(self, start: int, end: int) -> None:
        self._file.leave_out("packing", start, end)


class _Gzip(_Stream):
    def _account(self, start: int, end: int) -> None:
        """Time, extra flags and system stand in the header's bytes 4 to 10; then there may be a
        name (RFC 1952, section 2.3).
        """
        flags = self._file.data[start + 3]
        if flags not in (0, 8):
            return  # an extra field, a comment, a checksum, a hint: not on the list
        self._file.read(start, start + 4)
        self._file.leave_out("time", start + 4, start + _GZIP_HEADER)
        place = start + _GZIP_HEADER
        if flags == 8:
            stop = self._file.data[place:end].index(b"\0") + place + 1
            self._file.leave_out("name", place, stop)
            place = stop
        self._file.leave_out("packing", place, end)


def _expanded(expand: Any, packed: bytes) -> Iterator[bytes]:
    """At most a chunk at a time: a few bytes may stand for gigabytes."""
    yield expand.decompress(packed, _CHUNK)
    while not expand.eof:
        tail = getattr(expand, "unconsumed_tail", b"")
        if not tail and getattr(expand, "needs_input", True):
            return
        found = expand.decompress(tail, _CHUNK)
        if not found and not tail:
            return
        yield found


def _reader(
    name: str, endings: tuple[str, ...], kind: type[_Stream], new: Callable[[], Any], magic: bytes
) -> Callable[[File], Content]:
    def read(file: File) -> Content:
        stream = kind(file, new, magic)
        inner = archives.keep_all(file, stream.chunks())
        own = Path(file.name).name
        for ending in endings:
            if own.lower().endswith(ending):
                own = own[: -len(ending)]
                break
        members = archives.Members(file)
        members.add(own, inner)
        return _with_inner(file, members.content(name, ordered=True), inner, own)

    return read


def _with_inner(file: File, content: Content, inner: Path, own: str) -> Content:
    """The payload is also kept under its own names, to be compared with a file that is not
    compressed.
    """
    if not content.rest:
        try:
            return replace(content, inner=file.inside.read(inner, own, file.depth + 1))
        except Unreadable:
            return content
    return content


def _format(
    name: str,
    endings: tuple[str, ...],
    claims: Callable[[Head], bool],
    new: Callable[[], Any],
    *,
    kind: type[_Stream] = _Stream,
    magic: bytes,
    files: str,
    left_out: dict[str, str] | None = None,
) -> Format:
    return Format(
        name=name,
        files=files,
        claims=claims,
        read=_reader(name, endings, kind, new, magic),
        left_out=_PACKING | (left_out or {}),
        not_checked={"cut": "streams that are cut off"},
    )


def _begins(magic: bytes) -> Callable[[Head], bool]:
    return lambda head: head.first.startswith(magic)


def _is_zlib(head: Head) -> bool:
    first = head.first
    return (
        head.suffix in _JOBLIB
        and first[:1] == b"\x78"
        and int.from_bytes(first[:2], "big") % 31 == 0
    )


def _is_lzma(head: Head) -> bool:
    return head.first[:3] == b"\x5d\0\0" and head.suffix in (".lzma", *_JOBLIB)


FORMATS = (
    _format(
        "gzip",
        (".gz",),
        _begins(b"\x1f\x8b"),
        lambda: zlib.decompressobj(31),
        kind=_Gzip,
        magic=b"\x1f\x8b",
        files=".gz",
        left_out={
            "time": "time, system and level in the header",
            "name": "name of the packed file",
        },
    ),
    _format("bzip2", (".bz2",), _begins(b"BZh"), bz2.BZ2Decompressor, magic=b"BZh", files=".bz2"),
    _format(
        "xz",
        (".xz",),
        _begins(b"\xfd7zXZ\0"),
        lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
        magic=b"\xfd7zXZ\0",
        files=".xz",
    ),
    _format(
        "lzma",
        (".lzma",),
        _is_lzma,
        lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE),
        magic=b"\x5d\0\0",
        files=".lzma",
    ),
    _format("zlib", (".z",), _is_zlib, zlib.decompressobj, magic=b"\x78", files="zlib (joblib)"),
)
