"""PNG: pixels, and every other chunk by its name. Animations by frame (APNG).

Read here and not by Pillow, which makes eight bits of sixteen and drops what it does not know.
Numbers of sections are those of the PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats.arrays import of_array
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Blob, Leaf, Unreadable
from reprobox.judge.tensors import Array
from reprobox.kit.regex import regex

MAGIC = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MAX_PIXELS = 1 << 28
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Adam7 (8.1): first column and row of each pass, then its steps."""
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_NAME = regex(rb"[A-Za-z]{4}")
LEFT_OUT = {
    "compression": "compression of the pixels, of texts and of profiles",
    "filters": "filters of their rows",
    "interlacing": "interlacing",
    "division": "division of the pixels into chunks",
    "order": "order of the chunks",
}


class Chunk(NamedTuple):
    """One chunk and where it stands, with its length and checksum."""

    name: bytes
    data: bytes
    start: int
    end: int


class Shape(NamedTuple):
    """Of an image (11.1.1)."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: int

    @property
    def bits(self) -> int:
        """Of one pixel."""
        return self.depth * _CHANNELS[self.colour]


def _read(file: File) -> Content:
    chunks = list(_chunks(file.data))
    if not chunks or chunks[0].name != b"IHDR" or len(chunks[0].data) != 13:
        raise Unreadable("a PNG file without its header")
    shape, methods = _shape(chunks[0].data)
    kind = f"{shape.width}x{shape.height}, {shape.depth} bits, colour type {shape.colour}"
    file.put("size", kind)
    if methods != (0, 0) or shape.interlaced > 1:
        raise Unreadable("a PNG file of a kind that is not known")
    packed = b"".join(one.data for one in chunks if one.name == b"IDAT")
    file.put("pixels", of_array(_picture(packed, shape)))
    _frames(file, [one for one in chunks if one.name in (b"fcTL", b"fdAT", b"IDAT")], shape)
    seen: dict[str, int] = {}
    for one in chunks:
        if one.name not in (b"IHDR", b"IDAT", b"IEND", b"fdAT", b"fcTL"):
            name = f"chunk {one.name.decode()}"
            seen[name] = seen.get(name, 0) + 1
            file.put(name if seen[name] == 1 else f"{name} ({seen[name]})", _leaf(one))
        if one.name in (b"IDAT", b"fdAT"):
            file.leave_out(SEVERAL, one.start, one.end)
        elif one.name in (b"zTXt", b"iTXt", b"iCCP"):
            file.leave_out("compression", one.start + 8, one.end)
        file.read(one.start, one.end)
    file.read(0, chunks[0].end)
    return file.content("png")


def _shape(data: bytes) -> tuple[Shape, tuple[int, int]]:
    width, height, depth, colour, packing, filters, interlaced = struct.unpack(">IIBBBBB", data)
    if colour not in _CHANNELS or depth not in (1, 2, 4, 8, 16):
        raise Unreadable("a PNG file of a kind that is not known")
    return Shape(width, height, depth, colour, interlaced), (packing, filters)


def _chunks(data: Any) -> Iterator[Chunk]:
    """Up to the chunk that ends the file. Raises Unreadable where a checksum is wrong."""
    place = len(MAGIC)
    while True:
        length = int.from_bytes(data[place : place + 4], "big")
        end = place + 12 + length
        if end > len(data):
            raise Unreadable("a PNG file that is cut off")
        name, held = bytes(data[place + 4 : place + 8]), bytes(data[place + 8 : end - 4])
        if not _NAME.fullmatch(name) or zlib.crc32(name + held) != int.from_bytes(
            data[end - 4 : end], "big"
        ):
            raise Unreadable(f"a damaged PNG chunk at {place}")
        yield Chunk(name, held, place, end)
        if name == b"IEND":
            return
        place = end


def _leaf(chunk: Chunk) -> Leaf:
    """Texts are texts, unpacked; all else are numbers (palette, transparency, colours, time)."""
    name, data = chunk.name, chunk.data
    if name == b"tEXt":
        return data.decode("latin-1")
    if name in (b"zTXt", b"iCCP"):
        key, _, packed = data.partition(b"\0")
        found = key + b"\0" + _inflated(packed[1:])
        return found.decode("latin-1") if name == b"zTXt" else Blob(found.hex())
    if name == b"iTXt":
        key, _, rest = data.partition(b"\0")
        if rest[:2] == b"\1\0":
            language, translated, packed = rest[2:].split(b"\0", 2)
            rest = b"\0\0" + language + b"\0" + translated + b"\0" + _inflated(packed)
        return (key + b"\0" + rest).decode("utf-8", "surrogateescape")
    return Blob(data.hex())


def _inflated(packed: bytes, most: int = 1 << 28) -> bytes:
    expand = zlib.decompressobj()
    found = expand.decompress(packed, most)
    if not expand.eof or expand.unused_data:
        raise Unreadable("a damaged PNG file: compressed data that do not end where they should")
    return found


def _frames(file: File, chunks: list[Chunk], shape: Shape) -> None:
    """Frames of an animation: what controls each, without its running number, and its pixels."""
    numbers = [one.data[:4] for one in chunks if one.name != b"IDAT"]
    if numbers != [struct.pack(">I", number) for number in range(len(numbers))]:
        raise Unreadable("a PNG file with frames that are not in order")
    count, packed, control, first = 0, b"", b"", False
    for one in [*chunks, Chunk(b"fcTL", b"", 0, 0)]:
        if one.name == b"fcTL":
            if control:
                count += 1
                file.put(f"frame {count} control", Blob(control.hex()))
                if not first:
                    file.put(f"frame {count}", of_array(_picture(packed, _part(control, shape))))
            packed, control, first = b"", one.data[4:], False
        elif one.name == b"fdAT":
            packed += one.data[4:]
        elif control:
            first = True


def _part(control: bytes, shape: Shape) -> Shape:
    width, height = struct.unpack_from(">II", control)
    return shape._replace(width=width, height=height)


def _picture(packed: bytes, shape: Shape) -> Array:
    """Pixels as rows, columns and samples."""
    if shape.width * shape.height > _MAX_PIXELS or not shape.width or not shape.height:
        raise Unreadable("a PNG file with more pixels than a reader may take, or none")
    passes = _PASSES if shape.interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(shape.height - y) // dy), -(-(shape.width - x) // dx)) for x, y, dx, dy in passes]
    lengths = [rows * (_stride(columns, shape) + 1) if columns else 0 for rows, columns in sizes]
    raw = _inflated(packed, sum(max(length, 0) for length in lengths) + 1)
    if len(raw) != sum(max(length, 0) for length in lengths):
        raise Unreadable("a PNG file with too few pixels, or too many")
    kind = np.uint16 if shape.depth == 16 else np.uint8
    found = np.zeros((shape.height, shape.width, _CHANNELS[shape.colour]), dtype=kind)
    place = 0
    for (x, y, dx, dy), (rows, columns), length in zip(passes, sizes, lengths, strict=True):
        if rows > 0 and columns > 0:
            part = np.frombuffer(raw, np.uint8, length, place).reshape(rows, -1)
            found[y::dy, x::dx] = _samples(_unfiltered(part, shape), columns, shape)
            place += length
    return found


def _stride(columns: int, shape: Shape) -> int:
    return (columns * shape.bits + 7) // 8


def _samples(rows: Array, columns: int, shape: Shape) -> Array:
    """Bytes as samples of the image's depth (7.2)."""
    channels = _CHANNELS[shape.colour]
    if shape.depth == 16:
        return np.ascontiguousarray(rows).view(">u2").reshape(len(rows), columns, channels)
    if shape.depth == 8:
        return rows.reshape(len(rows), columns, channels)
    bits = np.unpackbits(rows, axis=1).reshape(len(rows), -1, shape.depth)
    if bits[:, columns:].any():
        raise Unreadable("a PNG file with bits behind the end of a row")
    weights = 1 << np.arange(shape.depth - 1, -1, -1, dtype=np.uint8)
    return np.asarray((bits[:, :columns] * weights).sum(axis=2, dtype=np.uint8)[:, :, None])


def _unfiltered(part: Array, shape: Shape) -> Array:
    """Undoes the filter of each row (9.2), along diagonals: a byte needs those left, above and
    left above, which lie on the two diagonals before.
    """
    kinds, step = part[:, 0], max(1, shape.bits // 8)
    if kinds.max(initial=0) > 4:
        raise Unreadable("a PNG row with an unknown filter")
    if not kinds.any():
        return part[:, 1:]
    rows, columns = part.shape[0], (part.shape[1] - 1) // step
    raw = part[:, 1:].reshape(rows, columns, step).astype(np.int16)
    if set(np.unique(kinds)) <= {0, 1}:
        return _by_row(raw, kinds)
    found = np.zeros((rows + 1, columns + 1, step), dtype=np.int16)
    for diagonal in range(rows + columns - 1):
        row = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        column = diagonal - row
        left, above = found[row + 1, column], found[row, column + 1]
        guess = _guess(kinds[row], left, above, found[row, column])
        found[row + 1, column + 1] = (raw[row, column] + guess) & 255
    return found[1:, 1:].astype(np.uint8).reshape(rows, -1)


def _by_row(raw: Array, kinds: Array) -> Array:
    """Rows that need no other row."""
    summed = np.add.accumulate(raw, axis=1, dtype=np.int64)
    found = np.where(kinds[:, None, None] == 1, summed, raw)
    return np.asarray((found & 255).astype(np.uint8).reshape(len(raw), -1))


def _guess(kinds: Array, left: Array, above: Array, corner: Array) -> Array:
    kind = kinds[:, None]
    guess = left + above - corner
    by_left, by_above, by_corner = (abs(guess - side) for side in (left, above, corner))
    paeth = np.where(
        (by_left <= by_above) & (by_left <= by_corner),
        left,
        np.where(by_above <= by_corner, above, corner),
    )
    return np.select(
        [kind == 1, kind == 2, kind == 3, kind == 4], [left, above, (left + above) >> 1, paeth], 0
    )


def _is_png(head: Head) -> bool:
    return head.first.startswith(MAGIC)


FORMAT = Format(
    name="png",
    files=".png",
    claims=_is_png,
    read=_read,
    left_out=LEFT_OUT,
    not_checked={"checksum": "chunks with a wrong checksum"},
    beyond=(f"more than {_MAX_PIXELS:,} pixels",),
)
