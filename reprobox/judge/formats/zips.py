"""zip: members by name. Every byte is accounted for by the format's own structures
(APPNOTE.TXT 6.3.10, section 4.3): headers, data, directory; what lies between them is rest.
"""

from __future__ import annotations

import bz2
import itertools
import lzma
import mmap
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats import archives
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Unreadable

_CHUNK = 1 << 20
_LINK = 1 << 16
_KNOWN_EXTRA = frozenset({0x0001, 0x000A, 0x5455, 0x5855, 0x7855, 0x7875, 0x4246, 0xA220})
"""zip64 sizes, times and owners of NTFS and Unix, and padding (torch's is FB)."""
_ENCRYPTED = 0x1
_MARKED_END = 0x2
_DESCRIPTOR = 0x8
_UTF8 = 0x800
_DIRECTORY = 0x10
"""Among the attributes: some programs read nothing of a member that has it."""
_HARMLESS = 0x806 | _DESCRIPTOR
"""Flags that say nothing of what a member holds: its level, a later checksum, its name's text."""
LEFT_OUT = {
    "times": "times of members",
    "permissions": "permissions and other attributes of members",
    "writer": "version and flags of the program that packed it",
    "extra": "extra fields for sizes, times, owners and padding",
    "order": "order of members",
    "compression": "compression of members",
}

NOT_CHECKED = {
    "encrypted": "encrypted members",
    "checksum": "members with a wrong checksum",
    "comments": "comments that differ",
}


class Zip:
    """An open zip file of which every byte is accounted for.

    Raises:
        Unreadable: a member's checksum or sizes are wrong, or it is encrypted.
    """

    def __init__(self, file: File) -> None:
        self._file, self._data = file, file.data
        try:
            with zipfile.ZipFile(file.path) as archive:
                self.infos = archive.infolist()
                self._comment, self._start = len(archive.comment), archive.start_dir
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Unreadable(f"a damaged zip file: {error}") from error
        ends = [self._local(info) for info in self.infos]
        self._require_apart([*zip((info.header_offset for info in self.infos), ends, strict=True)])
        self._directory()

    @property
    def names(self) -> list[str]:
        """Of all members, in the order of the directory."""
        return [info.filename for info in self.infos]

    def info(self, name: str) -> zipfile.ZipInfo:
        """Of the member. Raises Unreadable."""
        for info in self.infos:
            if info.filename == name:
                return info
        raise Unreadable(f"a zip file without its {name}")

    def read(self, name: str) -> bytes:
        """A member's bytes."""
        return b"".join(self.chunks(self.info(name)))

    def chunks(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        """A member's bytes, piece by piece."""
        start = self._after_header(info)
        yield from _expanded(self._data, info, start)

    def stored(self, info: zipfile.ZipInfo) -> int | None:
        """Where a member's bytes stand as they are; None where they are packed."""
        return self._after_header(info) if info.compress_type == zipfile.ZIP_STORED else None

    def _after_header(self, info: zipfile.ZipInfo) -> int:
        place = info.header_offset
        name, extra = struct.unpack_from("<HH", self._data, place + 26)
        return int(place + 30 + name + extra)

    def _require_apart(self, places: list[tuple[int, int]]) -> None:
        """Raises Unreadable where a member reaches into the next one or into the directory."""
        for (_, end), (start, _) in itertools.pairwise([*sorted(places), (self._start, 0)]):
            if end > start:
                raise Unreadable(f"a zip file with members that overlap at {start}")

    def _local(self, info: zipfile.ZipInfo) -> int:
        """Accounts for a member and its header. Where its packed bytes end."""
        place, data = info.header_offset, self._data
        head = struct.unpack_from("<4sHHHHHIIIHH", data, place)
        flags, method, name_size = head[2], head[3], head[9]
        odd = info.external_attr & _DIRECTORY and not info.is_dir()
        if odd or (flags | info.flag_bits) & ~(_HARMLESS | _ENCRYPTED):
            raise Unreadable(f"a member of an unknown kind: {info.filename[:200]}")
        if head[0] != b"PK\3\4" or flags & _ENCRYPTED or info.flag_bits & _ENCRYPTED:
            raise Unreadable(f"an encrypted or damaged member: {info.filename[:200]}")
        if data[place + 30 : place + 30 + name_size] != _name(info) or method != info.compress_type:
            raise Unreadable(f"two headers that do not agree: {info.filename[:200]}")
        sized = (info.CRC, info.compress_size, info.file_size)
        told_later = flags & _DESCRIPTOR and not any(head[6:9])
        if not told_later and not _agree(head[6:9], sized):
            raise Unreadable(f"two sizes that do not agree: {info.filename[:200]}")
        start = self._after_header(info)
        self._fields(place, 4, (("writer", 4, 8), ("times", 10, 14)), 30 + name_size)
        self._extra(place + 30 + name_size, start)
        end = start + self._checked(info, start)
        if info.compress_type == zipfile.ZIP_STORED:
            self._file.read(start, end)
        else:
            self._file.leave_out("compression", start, end)
        if flags & _DESCRIPTOR:
            self._descriptor(start + info.compress_size, sized)
        return start + info.compress_size

    def _fields(
        self, place: int, first: int, left_out: tuple[tuple[str, int, int], ...], end: int
    ) -> None:
        """A header: all of it is read but for some fields."""
        done = 0
        for key, start, stop in left_out:
            self._file.read(place + done, place + start)
            self._file.leave_out(key, place + start, place + stop)
            done = stop
        self._file.read(place + max(done, first), place + end)

    def _checked(self, info: zipfile.ZipInfo, start: int) -> int:
        """Reads a member once, for its checksum; how many of its packed bytes that took."""
        crc, size = 0, 0
        for chunk in _expanded(self._data, info, start):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            if size > max(info.file_size, 0) or size > self._file.inside.left():
                raise Unreadable("a member that unpacks to more than it says, or may be taken")
        if crc != info.CRC or size != info.file_size:
            raise Unreadable(f"a member with a wrong checksum: {info.filename[:200]}")
        return info.compress_size - _unused(self._data, info, start)

    def _extra(self, start: int, end: int) -> None:
        while start + 4 <= end:
            kind, size = struct.unpack_from("<HH", self._data, start)
            if start + 4 + size > end:
                return
            if kind in _KNOWN_EXTRA:
                self._file.leave_out("extra", start, start + 4 + size)
            start += 4 + size

    def _descriptor(self, place: int, sized: tuple[int, int, int]) -> None:
        place += 4 * (self._data[place : place + 4] == b"PK\7\x08")
        for layout in ("<III", "<IQQ"):
            end = place + struct.calcsize(layout)
            if end <= len(self._data) and struct.unpack_from(layout, self._data, place) == sized:
                self._file.read(place - 4, end)
                return

    def _directory(self) -> None:
        place = self._start
        for info in self.infos:
            head = struct.unpack_from("<4s6H3I5HII", self._data, place)
            name, extra, comment, disk = head[10:14]
            if (
                head[0] != b"PK\1\2"
                or disk
                or self._data[place + 46 : place + 46 + name] != _name(info)
            ):
                raise Unreadable("a damaged directory of a zip file")
            fields = (
                ("writer", 4, 10),
                ("times", 12, 16),
                ("permissions", 36, 42),
                ("order", 42, 46),
            )
            self._fields(place, 4, fields, 46 + name)
            self._extra(place + 46 + name, place + 46 + name + extra)
            place += 46 + name + extra + comment
        self._end(place)

    def _end(self, place: int) -> None:
        """The end of the directory, in both widths. What does not agree with the directory itself
        is rest.
        """
        directory = (len(self.infos), len(self.infos), place - self._start, self._start)
        wide = place
        if self._data[place : place + 4] == b"PK\6\6" and place + 56 <= len(self._data):
            fields = struct.unpack_from("<Q4x2I4Q", self._data, place + 4)
            if fields == (44, 0, 0, *directory):
                self._fields(place, 0, (("writer", 12, 16), ("order", 24, 56)), 56)
            place += 56
        if self._data[place : place + 4] == b"PK\6\7" and place + 20 <= len(self._data):
            if struct.unpack_from("<IQI", self._data, place + 4) == (0, wide, 1):
                self._fields(place, 0, (("order", 8, 16),), 20)
            place += 20
        if place + 22 == self._file.size - self._comment and place + 22 <= len(self._data):
            head = struct.unpack_from("<4s4H2IH", self._data, place)
            said = zip(head[3:7], directory, (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF), strict=True)
            agree = all(one == min(other, most) or one == most for one, other, most in said)
            if head[:3] == (b"PK\5\6", 0, 0) and agree and head[7] == self._comment:
                self._fields(place, 0, (("order", 8, 20),), 22)


def _name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def _agree(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(one in (other, 0xFFFFFFFF) for one, other in zip(found, wanted, strict=True))


def _expanded(data: bytes | mmap.mmap, info: zipfile.ZipInfo, start: int) -> Iterator[bytes]:
    end = start + info.compress_size
    if end > len(data):
        raise Unreadable("a zip file that is cut off")
    expand = _expander(info)
    for place in range(start, end, _CHUNK):
        packed = bytes(data[place : min(place + _CHUNK, end)])
        if expand is None:
            yield packed
            continue
        if expand.eof:
            return
        yield from _pieces(expand, packed)
    # A stream of LZMA has an end only where its flag says so.
    endless = info.compress_type == zipfile.ZIP_LZMA and not info.flag_bits & _MARKED_END
    if expand is not None and not expand.eof and not endless:
        raise Unreadable(f"a member that is cut off: {info.filename[:200]}")


def _pieces(expand: Any, packed: bytes) -> Iterator[bytes]:
    """At most a chunk at a time: a few bytes may stand for gigabytes."""
    yield expand.decompress(packed, _CHUNK)
    while not expand.eof:
        tail = getattr(expand, "unconsumed_tail", b"")
        if not tail and getattr(expand, "needs_input", True):
            return
        yield expand.decompress(tail, _CHUNK)


def _expander(info: zipfile.ZipInfo) -> Any:
    method = info.compress_type
    if method == zipfile.ZIP_STORED:
        return None
    if method == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-15)
    if method == zipfile.ZIP_BZIP2:
        return bz2.BZ2Decompressor()
    if method == zipfile.ZIP_LZMA:
        return _Lzma()
    raise Unreadable(f"a member packed by method {method}")


class _Lzma:
    """LZMA as zip has it: version, size and properties of the filter stand before the stream."""

    def __init__(self) -> None:
        self._inner: Any = None
        self.eof = False
        self.needs_input = True
        self.unused_data = b""

    def decompress(self, packed: bytes, most: int) -> bytes:
        """As the decompressors of the standard library."""
        if self._inner is None:
            size = int.from_bytes(packed[2:4], "little")
            if size != 5:
                raise Unreadable("a member with odd properties of LZMA")
            properties = packed[4 : 4 + size]
            level = properties[0]
            chosen = {
                "id": lzma.FILTER_LZMA1,
                "lc": level % 9,
                "lp": level // 9 % 5,
                "pb": level // 45,
                "dict_size": int.from_bytes(properties[1:5], "little"),
            }
            self._inner = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chosen])
            packed = packed[4 + size :]
        found: bytes = self._inner.decompress(packed, most)
        self.eof, self.needs_input = self._inner.eof, self._inner.needs_input
        self.unused_data = self._inner.unused_data
        return found


def _unused(data: bytes | mmap.mmap, info: zipfile.ZipInfo, start: int) -> int:
    """Packed bytes behind the end of a member's compressed stream, which no reader unpacks."""
    if info.compress_type == zipfile.ZIP_STORED:
        return 0
    expand, used = _expander(info), 0
    for place in range(start, start + info.compress_size, _CHUNK):
        packed = bytes(data[place : min(place + _CHUNK, start + info.compress_size)])
        if expand.eof:
            break
        for _ in _pieces(expand, packed):
            pass
        used += len(packed)
    return int(info.compress_size - used + len(expand.unused_data))


def is_zip(head: Head) -> bool:
    """Whether it begins with a member."""
    return head.first.startswith(b"PK\3\4")


def names(head: Head) -> list[str]:
    """Of the members of a zip file, to recognise formats in it; none where it is damaged."""
    try:
        with zipfile.ZipFile(head.path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []


def _read(file: File) -> Content:
    archive, members = Zip(file), archives.Members(file)
    for info in archive.infos:
        if info.is_dir():
            members.add(info.filename, "directory")
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            target = b"".join(archive.chunks(info))[:_LINK]
            members.add(info.filename, f"link to {target.decode('utf-8', 'surrogateescape')}")
            continue
        members.add(info.filename, archives.keep_all(file, archive.chunks(info)))
    return members.content("zip")


FORMAT = Format(
    name="zip",
    files="zip (Keras' .keras too)",
    claims=is_zip,
    read=_read,
    left_out=LEFT_OUT,
    not_checked=NOT_CHECKED,
)
