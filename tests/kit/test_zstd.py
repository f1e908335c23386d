"""zstd streams: frames one after the other, damage, and frames that ask for too much memory."""

from __future__ import annotations

import io

import pytest

from reprobox.kit import zstd

DATA = b"0123456789" * 5000


def test_several_frames_are_one_stream() -> None:
    packed = zstd.compress(DATA, 3) + zstd.compress(b"end", 3)
    assert zstd.buffered(io.BytesIO(packed)).read() == DATA + b"end"
    assert zstd.plain(io.BytesIO(packed), read_size=7).read() == DATA + b"end"


def test_a_changed_byte_is_found_by_the_checksum() -> None:
    packed = bytearray(zstd.compress(DATA, 3))
    packed[-1] ^= 1
    with pytest.raises(zstd.ZstdError):
        zstd.buffered(io.BytesIO(bytes(packed))).read()


def test_a_frame_over_the_window_is_refused() -> None:
    large = zstd.compress(bytes(range(256)) * 8192, 19)
    with pytest.raises(zstd.ZstdError):
        zstd.plain(io.BytesIO(large), window=1 << 10).read()
