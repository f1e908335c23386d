"""zstd streams. The one door to python-zstandard: the standard library reads zstd from Python 3.14
on only.
"""

from __future__ import annotations

import io
from typing import IO, cast

import zstandard

ZstdError = zstandard.ZstdError
MAX_WINDOW = 128 << 20
"""Bytes of memory that a stream may ask for: `zstd --ultra -22` and Ubuntu's packages need no more
(zstd(1), --memory).
"""


def compress(plain: bytes, level: int) -> bytes:
    """One frame, with its checksum and the size of its content."""
    return zstandard.ZstdCompressor(
        level=level, write_checksum=True, write_content_size=True
    ).compress(plain)


def plain(source: object, *, window: int = MAX_WINDOW, read_size: int = 1 << 20) -> IO[bytes]:
    """The uncompressed bytes of a stream of frames.

    Args:
        source: has `read(size)`.
        window: frames that need more memory are refused (bytes).

    Raises (while reading):
        ZstdError: damaged, or over the window.
    """
    reader = zstandard.ZstdDecompressor(max_window_size=window)
    stream = cast("IO[bytes]", source)
    frames = reader.stream_reader(stream, read_size=read_size, read_across_frames=True)
    return cast("IO[bytes]", frames)


def buffered(source: object) -> io.BufferedReader:
    """As `plain`, with whole reads: what `tarfile` wants."""
    return io.BufferedReader(cast("io.RawIOBase", plain(source)), 1 << 20)
