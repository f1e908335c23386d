"""CRC-32C against the examples of RFC 3720, appendix B.4, and a loop by the definition."""

from __future__ import annotations

import random

import pytest

from reprobox.judge.formats import crc32c


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_the_examples_of_the_standard(data: bytes, expected: int) -> None:
    assert crc32c.checksums([data]) == [expected]


def by_definition(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def test_records_of_any_length_beside_each_other() -> None:
    """Lanes are 4,096 bytes: lengths on both sides of one and of two of them."""
    drawn = random.Random(3)
    records = [drawn.randbytes(size) for size in (0, 1, 4095, 4096, 4097, 8192, 9001)]
    assert crc32c.checksums(records) == [by_definition(record) for record in records]
    assert crc32c.checksums([]) == []
