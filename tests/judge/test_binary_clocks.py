"""Doubles that are a time in files that no reader knows."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from looking import look

from reprobox.judge import binary_clocks
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileState


@pytest.fixture
def pair(tmp_path: Path) -> Callable[[tuple[bytes, bytes]], tuple[Path, Path]]:
    def made(sides: tuple[bytes, bytes]) -> tuple[Path, Path]:
        for name, data in zip("lr", sides, strict=True):
            (tmp_path / name).write_bytes(data)
        return tmp_path / "l", tmp_path / "r"

    return made


def seconds(value: float) -> bytes:
    return struct.pack("<d", value)


@pytest.mark.parametrize(("start", "unit"), [(0, 1), (3, 1), (20, 1000)])
def test_the_time_around_a_byte_is_found_wherever_it_stands(
    pair: Callable[[tuple[bytes, bytes]], tuple[Path, Path]], start: int, unit: int
) -> None:
    sides = tuple(bytes(start) + seconds((1795839621 + n) * unit) + b"end" for n in (0, 4))
    left, right = pair((sides[0], sides[1]))
    first = next(at for at, one in enumerate(sides[0]) if one != sides[1][at])
    assert binary_clocks.at(left, right, first) == {
        "kind": "a time",
        "name": f"offset {start}, a double",
        "left": "2026-11-28T04:20:21+00:00",
        "right": "2026-11-28T04:20:25+00:00",
        "count": 1,
    }


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (seconds(0.5), seconds(0.25)),
        (seconds(1262303999.0), seconds(1262303998.0)),
        (seconds(1500000000.0), seconds(1795839621.0)),
        (b"\xff" * 8, seconds(1795839621.0)),
        (b"", b"1"),
    ],
    ids=["values", "before 2010", "years apart", "no number", "too short"],
)
def test_what_is_no_time_on_both_sides_is_none(
    pair: Callable[[tuple[bytes, bytes]], tuple[Path, Path]], left: bytes, right: bytes
) -> None:
    assert binary_clocks.at(*pair((left, right)), 0) is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (struct.pack("<4f", -0.01, 0.5, 0.25, 1), struct.pack("<4f", -0.01000001, 0.5, 0.25, 1)),
        (struct.pack("<4d", 0.1, 0.5, 1.6e8, 1), struct.pack("<4d", 0.1, 0.5, 1.7e8, 1)),
        (struct.pack("<4i", 5, 1600000000, 7, 9), struct.pack("<4i", 5, 1600000001, 7, 9)),
    ],
)
def test_numbers_of_a_binary_are_no_clock(
    pair: Callable[[tuple[bytes, bytes]], tuple[Path, Path]], left: bytes, right: bytes
) -> None:
    sides = pair((b"X\0" + left, b"X\0" + right))
    file = look(*sides, OutputRule(pattern="*"), path="model.bin")
    assert file.state is FileState.DIFFERENT
    assert file.detail.by_chance == ()
