"""PNG files of two rows of two pixels, made by hand."""

from __future__ import annotations

import struct
import zlib


def png(pixels: bytes, *, filters: bytes = b"\0\0", text: bytes = b"") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = b"".join(filters[row : row + 1] + pixels[row * 6 : row * 6 + 6] for row in range(2))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + (chunk(b"tEXt", text) if text else b"")
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
