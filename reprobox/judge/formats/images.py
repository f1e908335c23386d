"""JPEG and WebP through Pillow, where it is installed: pixels of every frame as they are decoded,
and what else is in the file, piece by piece.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats.arrays import of_array
from reprobox.judge.formats.format import Format, Head, library
from reprobox.judge.leaves import Blob, Unreadable

_MAX_PIXELS = 1 << 28
_ENTROPY = frozenset({0xDA})
_CODING = frozenset({0xC4, 0xDB, 0xDD, 0xCC, *range(0xC0, 0xC4), *range(0xC5, 0xC8)})
"""Tables, frame and scan of a JPEG: they are how its pixels are coded (ITU T.81, annex B)."""
_PIXELS = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANMF"})
LEFT_OUT = {"coding": "how pixels are coded: tables, progression, degree of lossless compression"}

NOT_CHECKED = {"refused": "pictures that Pillow refuses"}


def _pixels(file: File) -> None:
    image_module = library("PIL.Image", "a picture of this kind", "images")
    image_module.MAX_IMAGE_PIXELS = _MAX_PIXELS
    try:
        opened = image_module.open(file.path)
    except image_module.DecompressionBombError as error:
        raise Unreadable("a picture with more pixels than a reader may take") from error
    with opened as image:
        width, height = image.size
        count = getattr(image, "n_frames", 1)
        if width * height * count > _MAX_PIXELS:
            raise Unreadable("a picture with more pixels than a reader may take")
        file.put("size", f"{width}x{height}, {image.mode}, {count} frames")
        for frame in range(count):
            image.seek(frame)
            name = "pixels" if count == 1 else f"frame {frame + 1}"
            file.put(name, of_array(np.asarray(image)))
            if count > 1:
                file.put(f"{name} duration", int(image.info.get("duration", 0)))


class _Pieces:
    """Adds pieces under names that are numbered where they come again."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._names: Counter[str] = Counter()

    def add(self, name: str, data: bytes, start: int, end: int) -> None:
        """Adds a piece that has no pixels."""
        self._names[name] += 1
        shown = name if self._names[name] == 1 else f"{name} ({self._names[name]})"
        self._file.put(shown, Blob(data.hex()))
        self._file.read(start, end)


def _read_jpeg(file: File) -> Content:
    pieces = _Pieces(file)
    for marker, start, end in _segments(file.data):
        if marker in _CODING or marker in _ENTROPY:
            file.leave_out("coding", start, end)
        elif marker in (0xD8, 0xD9):
            file.read(start, end)
        else:
            pieces.add(f"segment {marker:02X}", bytes(file.data[start + 4 : end]), start, end)
    _pixels(file)
    return file.content("jpeg")


def _segments(data: Any) -> Iterator[tuple[int, int, int]]:
    """Marker, beginning and end of each segment up to the end of the image; coded data belong to
    the scan before them.
    """
    yield 0xD8, 0, 2
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            raise Unreadable(f"a damaged JPEG at {place}")
        marker = data[place + 1]
        if marker == 0xD9:
            yield marker, place, place + 2
            return
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in _ENTROPY:
            end = _after_scan(data, end)
        yield marker, place, end
        place = end
    if place + 2 == len(data) and bytes(data[place:]) == b"\xff\xd9":
        yield 0xD9, place, place + 2
        return
    raise Unreadable("a JPEG that is cut off")


def _after_scan(data: Any, place: int) -> int:
    """The next marker that is neither a stuffed byte nor a restart."""
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            raise Unreadable("a JPEG that is cut off")
        if data[place + 1] and not 0xD0 <= data[place + 1] <= 0xD7 and data[place + 1] != 0xFF:
            return int(place)
        place += 1 if data[place + 1] == 0xFF else 2


def _read_webp(file: File) -> Content:
    data, pieces = file.data, _Pieces(file)
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > file.size:
        raise Unreadable("a WebP that is cut off")
    file.read(0, 12)
    place = 12
    while place + 8 <= end:
        name, size = (
            bytes(data[place : place + 4]),
            int.from_bytes(data[place + 4 : place + 8], "little"),
        )
        stop = place + 8 + size
        if name in _PIXELS:
            file.leave_out("coding", place, stop + size % 2)
        else:
            pieces.add(
                f"chunk {name.decode('latin-1')}", bytes(data[place + 8 : stop]), place, stop
            )
        place = stop + size % 2
    _pixels(file)
    return file.content("webp")


def _is_jpeg(head: Head) -> bool:
    return head.first.startswith(b"\xff\xd8\xff")


def _is_webp(head: Head) -> bool:
    return head.first[:4] == b"RIFF" and head.first[8:12] == b"WEBP"


FORMATS = (
    Format(
        name="jpeg",
        files=".jpg",
        by="Pillow",
        claims=_is_jpeg,
        read=_read_jpeg,
        left_out=LEFT_OUT,
        library="PIL",
        extra="images",
        not_checked=NOT_CHECKED,
        beyond=(f"more than {_MAX_PIXELS:,} pixels of all frames",),
    ),
    Format(
        name="webp",
        files=".webp",
        by="Pillow",
        claims=_is_webp,
        read=_read_webp,
        left_out=LEFT_OUT,
        library="PIL",
        extra="images",
        not_checked=NOT_CHECKED,
        beyond=(f"more than {_MAX_PIXELS:,} pixels of all frames",),
    ),
)
