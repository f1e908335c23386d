"""PNG by its specification: pixels, and every other chunk by its name."""

from __future__ import annotations

import io
import random
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from file_contents import content_of, plain, rest
from PIL import Image
from png_bytes import png

from reprobox.judge.leaves import Unreadable


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_png_filters_are_undone(tmp_path: Path, kind: int) -> None:
    """Each filter by its definition, applied here and undone there."""
    pixels = random.Random(kind).randbytes(12)
    rows = [bytes(6), pixels[:6], pixels[6:]]
    out = b""
    for above, row in pairwise(rows):
        for place, value in enumerate(row):
            left, corner = (row[place - 3], above[place - 3]) if place >= 3 else (0, 0)
            near = min(
                (abs(left + above[place] - corner - n), o, n)
                for o, n in enumerate((left, above[place], corner))
            )[2]
            out += bytes(
                [
                    (
                        value
                        - {1: left, 2: above[place], 3: (left + above[place]) // 2, 4: near}[kind]
                    )
                    & 255
                ]
            )
    filtered = content_of(tmp_path, "p.png", png(out, filters=bytes([kind, kind])))
    assert plain(filtered) == plain(content_of(tmp_path, "p.png", png(pixels)))


def test_pixels_and_texts_are_leaves_and_every_byte_is_accounted_for(tmp_path: Path) -> None:
    content = content_of(tmp_path, "p.png", png(bytes(range(12)), text=b"Software\0a"))
    assert plain(content) == {
        "size": "2x2, 8 bits, colour type 2",
        "pixels": [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]],
        "chunk tEXt": "Software\0a",
    }
    assert rest(content) == []


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def made(*chunks: bytes, head: tuple[int, ...] = (2, 1, 8, 0, 0, 0, 0)) -> bytes:
    first = chunk(b"IHDR", struct.pack(">IIBBBBB", *head))
    return b"\x89PNG\r\n\x1a\n" + first + b"".join(chunks) + chunk(b"IEND", b"")


def pixels(data: bytes) -> bytes:
    return chunk(b"IDAT", zlib.compress(data))


@pytest.mark.parametrize(
    ("head", "row", "expected"),
    [
        ((2, 1, 16, 0, 0, 0, 0), b"\0\x01\x02\x03\x04", [[[0x102], [0x304]]]),
        ((3, 1, 1, 0, 0, 0, 0), b"\0\xa0", [[[1], [0], [1]]]),
        ((2, 1, 4, 3, 0, 0, 0), b"\0\x2f", [[[2], [15]]]),
        ((1, 1, 8, 6, 0, 0, 0), b"\0\1\2\3\4", [[[1, 2, 3, 4]]]),
    ],
)
def test_samples_have_the_depth_of_the_image(
    tmp_path: Path, head: tuple[int, ...], row: bytes, expected: list[object]
) -> None:
    assert plain(content_of(tmp_path, "p.png", made(pixels(row), head=head)))["pixels"] == expected


def test_interlaced_pixels_are_put_in_their_places(tmp_path: Path) -> None:
    """Adam7 of four by four pixels: the passes by the specification, 8.1."""
    rows = [bytes(range(4 * y, 4 * y + 4)) for y in range(4)]
    passes = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    packed = b""
    for x, y, dx, dy in passes:
        for row in rows[y::dy]:
            packed += b"\0" + row[x::dx] if row[x::dx] else b""
    found = plain(content_of(tmp_path, "p.png", made(pixels(packed), head=(4, 4, 8, 0, 0, 0, 1))))
    assert found["pixels"] == [[[value] for value in row] for row in rows]


def test_texts_are_compared_unpacked(tmp_path: Path) -> None:
    row = pixels(b"\0\1\2")
    found = [
        plain(
            content_of(
                tmp_path, "p.png", made(row, chunk(b"zTXt", b"k\0\0" + zlib.compress(b"v", level)))
            )
        )
        for level in (0, 9)
    ]
    assert found[0] == found[1]
    assert found[0]["chunk zTXt"] == "k\0v"


def test_frames_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("L", (2, 2), colour) for colour in (0, 9)]
    out = io.BytesIO()
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:], duration=10)
    content = content_of(tmp_path, "p.png", out.getvalue())
    found = plain(content)
    assert "frame 1 control" in found
    assert found["frame 2"] == [[[9], [9]], [[9], [9]]]
    assert rest(content) == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (png(bytes(12))[:-13], "cut off"),
        (png(bytes(12)).replace(b"IDAT", b"IDAU"), "damaged PNG chunk"),
        (made(pixels(b"\0\1")), "too few pixels"),
        (made(pixels(b"\0\1\2\3")), "too few pixels, or too many|do not end"),
        (made(pixels(b"\x05\1\2")), "unknown filter"),
        (made(pixels(b"\0\xff"), head=(1, 1, 1, 0, 0, 0, 0)), "behind the end of a row"),
        (made(pixels(b""), head=(1 << 20, 1 << 20, 8, 0, 0, 0, 0)), "more pixels"),
        (made(pixels(b""), head=(0, 1, 8, 0, 0, 0, 0)), "or none"),
        (made(pixels(b"\0\1\2"), head=(2, 1, 8, 7, 0, 0, 0)), "kind that is not known"),
        (made(chunk(b"IDAT", zlib.compress(b"\0\1\2") + b"x")), "do not end"),
    ],
)
def test_a_damaged_picture_says_why(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        content_of(tmp_path, "p.png", data)
