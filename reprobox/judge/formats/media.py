"""PNG by pixels and by text chunks; TensorBoard events by tag and step, without the clock."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reprobox.judge.content import Content, Leaf, Unreadable, put
from reprobox.judge.formats.arrays import of_array
from reprobox.judge.tensors import Array

PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MAX_PIXELS = 1 << 28


def read_png(path: Path) -> Content:
    """Pixels (rows, columns, bytes of a pixel), and every chunk that is not picture data by its
    name.
    """
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
    """TensorBoard events: values by `tag@step`. The wall time of each event is left out; checksums
    are not checked.

    What else is in an event is a text behind the name: `tag@step<rest>` (a plugin's data, a shape),
        `event@step<4>` (a graph).
    """
    events = _Events()
    for record in _records(path.read_bytes()):
        events.add(_fields(record))
    return Content(format="tensorboard", leaves=events.leaves)


class _Events:
    """Collects leaves; a name that comes again is numbered, because a tag may come twice at one
    step.
    """

    def __init__(self) -> None:
        self.leaves: dict[str, Leaf] = {}
        self._names: Counter[str] = Counter()

    def add(self, event: dict[int, list[Any]]) -> None:
        """Event: wall_time 1, step 2, file_version 3, summary 5."""
        step = int(_signed(event.pop(2, [0])[-1]))
        event.pop(1, None)
        for version in event.pop(3, []):
            put(self.leaves, self._name("file_version"), _text(version))
        for summary in event.pop(5, []):
            for value in _fields(summary).get(1, []):
                self._value(_fields(value), step)
        for number, others in sorted(event.items()):
            put(
                self.leaves,
                self._name(f"event@{step}<{number}>"),
                hashlib.sha256(repr(others).encode()).hexdigest(),
            )

    def _name(self, name: str) -> str:
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name} ({self._names[name]})"

    def _value(self, value: dict[int, list[Any]], step: int) -> None:
        """Summary.Value: tag 1, simple_value 2, image 4, histogram 5, audio 6, tensor 8."""
        name = self._name(f"{_text(value.pop(1, [b''])[-1])}@{step}")
        if 2 in value:
            put(self.leaves, name, of_array(np.frombuffer(value.pop(2)[-1], dtype="<f4")))
        elif 5 in value:
            for place, numbers in _fields(b"".join(value.pop(5))).items():
                put(
                    self.leaves,
                    f"{name}.{place}",
                    of_array(np.frombuffer(b"".join(numbers), dtype="<f8")),
                )
        elif 8 in value:
            proto = _fields(b"".join(value.pop(8)))
            array = _proto_tensor(proto)
            if array is not None:
                put(self.leaves, name, of_array(array))
            value |= {-number: proto[number] for number in proto}
        if value:
            put(self.leaves, f"{name}<rest>", repr(sorted(value.items())))


def _records(data: bytes) -> Iterator[bytes]:
    """TFRecord: length, its checksum, bytes, their checksum."""
    place = 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 8], "little")
        if place + 16 + length > len(data):
            raise Unreadable("an event file that is cut off")
        yield data[place + 12 : place + 12 + length]
        place += 16 + length


def _proto_tensor(proto: dict[int, list[Any]]) -> Array | None:
    """TensorProto: type 1, content 4, floats 5, doubles 6. The numbers are taken out of it; None
    where there are none.
    """
    for number, kind in ((5, "<f4"), (6, "<f8")):
        if number in proto:
            return np.frombuffer(b"".join(proto.pop(number)), dtype=kind)
    if 4 in proto and proto.get(1, [0])[-1] in (1, 2):
        return np.frombuffer(proto.pop(4)[-1], dtype="<f4" if proto[1][-1] == 1 else "<f8")
    return None


def _fields(data: bytes) -> dict[int, list[Any]]:
    """A protobuf message: field number to values in order; integers, or bytes for the other wire
    types.
    """
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
