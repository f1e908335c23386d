"""PNG by pixels and by text chunks; TensorBoard events by tag and step, without the clock."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reprobox.judge.content import MAX_LEAVES, Content, Leaf, Unreadable
from reprobox.judge.formats_array import of_array
from reprobox.judge.tensors import Array

PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MAX_PIXELS = 1 << 28


def read_png(path: Path) -> Content:
    """Pixels (rows, columns, bytes of a pixel), and every chunk that is not picture data by its name."""
    chunks = list(_chunks(path.read_bytes()))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise Unreadable("a PNG file without its header")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    leaves: dict[str, Leaf] = {"size": f"{width}x{height}, {depth} bits, colour type {colour}"}
    if interlaced or colour not in _CHANNELS or width * height > _MAX_PIXELS:
        raise Unreadable("a PNG file of a kind that is not read (interlaced, or too large)")
    packed = b"".join(data for name, data in chunks if name == b"IDAT")
    leaves["pixels"] = of_array(_pixels(packed, width, height, depth * _CHANNELS[colour]))
    for place, (name, data) in enumerate(chunks):
        if name not in (b"IHDR", b"IDAT", b"IEND"):
            leaves[f"chunk {place} {name.decode('latin1')}"] = data.decode("latin1")
    return Content(format="png", leaves=leaves)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(PNG)
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if place + 12 + length > len(data):
            raise Unreadable("a PNG file that is cut off")
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length


def _pixels(packed: bytes, width: int, height: int, bits: int) -> Array:
    """Undoes compression and the filter of each row (PNG specification, section 9)."""
    stride, step = (width * bits + 7) // 8, max(1, bits // 8)
    expand = zlib.decompressobj()
    try:
        raw = expand.decompress(packed, height * (stride + 1))
    except zlib.error as error:
        raise Unreadable(f"a damaged PNG file: {error}") from error
    if len(raw) != height * (stride + 1):
        raise Unreadable("a PNG file with too few pixels")
    rows = np.frombuffer(raw, dtype=np.uint8).reshape(height, stride + 1)
    found = np.zeros((height + 1, stride), dtype=np.uint8)
    for number, row in enumerate(rows):
        found[number + 1] = _unfiltered(int(row[0]), row[1:], found[number], step)
    return found[1:].reshape(height, -1, step)


def _unfiltered(kind: int, row: Array, above: Array, step: int) -> Array:
    if kind == 0:
        return row
    if kind == 2:
        return row + above
    if kind == 1:
        return np.add.accumulate(row.reshape(-1, step), axis=0, dtype=np.uint8).reshape(-1)
    if kind not in (3, 4):
        raise Unreadable(f"a PNG row with filter {kind}")
    return np.frombuffer(_sequential(kind, row.tobytes(), above.tobytes(), step), dtype=np.uint8)


def _sequential(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    """Average and Paeth need the pixel before, so they go byte by byte."""
    found = bytearray(len(row))
    for place, value in enumerate(row):
        left, up = (found[place - step], above[place - step]) if place >= step else (0, 0)
        guess = (left + above[place]) // 2 if kind == 3 else _paeth(left, above[place], up)
        found[place] = (value + guess) & 255
    return bytes(found)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    by_left, by_up, by_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
    if by_left <= by_up and by_left <= by_corner:
        return left
    return up if by_up <= by_corner else corner


def read_events(path: Path) -> Content:
    """TensorBoard events: values by `tag@step`. The wall time of each event is left out; checksums are not checked."""
    leaves: dict[str, Leaf] = {}
    for record in _records(path.read_bytes()):
        event = _fields(record)
        step = int(_signed(event.get(2, [0])[-1]))
        for version in event.get(3, []):
            leaves[_unused(leaves, "file_version")] = _text(version)
        for summary in event.get(5, []):
            for value in _fields(summary).get(1, []):
                _value(leaves, _fields(value), step)
        if len(leaves) > MAX_LEAVES:
            raise Unreadable("more events than a reader may take")
    return Content(format="tensorboard", leaves=leaves)


def _records(data: bytes) -> Iterator[bytes]:
    """TFRecord: length, its checksum, bytes, their checksum."""
    place = 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 8], "little")
        if place + 16 + length > len(data):
            raise Unreadable("an event file that is cut off")
        yield data[place + 12 : place + 12 + length]
        place += 16 + length


def _value(leaves: dict[str, Leaf], value: dict[int, list[Any]], step: int) -> None:
    """Summary.Value: tag 1, simple_value 2, image 4, histogram 5, audio 6, tensor 8."""
    name = _unused(leaves, f"{_text(value.get(1, [b''])[-1])}@{step}")
    if 2 in value:
        leaves[name] = of_array(np.frombuffer(value[2][-1], dtype="<f4"))
    elif 5 in value:
        for place, numbers in _fields(value[5][-1]).items():
            leaves[f"{name}.{place}"] = of_array(np.frombuffer(b"".join(numbers), dtype="<f8"))
    elif 8 in value:
        _proto_tensor(leaves, name, _fields(value[8][-1]))
    else:
        parts = [part for number in (4, 6) for part in value.get(number, [])]
        leaves[name] = b"".join(part for part in parts if isinstance(part, bytes)).hex()


def _proto_tensor(leaves: dict[str, Leaf], name: str, proto: dict[int, list[Any]]) -> None:
    """TensorProto: content 4, floats 5, doubles 6, strings 8; the rest as it is."""
    for number, kind in ((5, "<f4"), (6, "<f8")):
        if number in proto:
            leaves[name] = of_array(np.frombuffer(b"".join(proto[number]), dtype=kind))
            return
    if 4 in proto and proto.get(1, [0])[-1] in (1, 2):
        leaves[name] = of_array(np.frombuffer(proto[4][-1], dtype="<f4" if proto[1][-1] == 1 else "<f8"))
        return
    leaves[name] = repr({key: proto[key] for key in sorted(proto) if key != 2})


def _fields(data: bytes) -> dict[int, list[Any]]:
    """A protobuf message: field number to values in order; integers, or bytes for the other wire types."""
    found: dict[int, list[Any]] = {}
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(data, place)
            found.setdefault(key >> 3, []).append(value)
            continue
        length = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            length, place = _varint(data, place)
        if length is None or place + length > len(data):
            raise Unreadable("a damaged event")
        found.setdefault(key >> 3, []).append(data[place : place + length])
        place += length
    return found


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
    raise Unreadable("a damaged event")


def _signed(value: Any) -> int:
    number = int(value) if isinstance(value, int) else 0
    return number - 2**64 if number >= 2**63 else number


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _unused(leaves: dict[str, Leaf], name: str) -> str:
    """A tag may come twice at one step."""
    if name not in leaves and f"{name}.1" not in leaves:
        return name
    count = 2
    while f"{name} ({count})" in leaves or f"{name} ({count}).1" in leaves:
        count += 1
    return f"{name} ({count})"
