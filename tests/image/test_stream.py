"""A writer whose bytes are iterated: all of them come, faults too, and no thread stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from reprobox.image.layer import Sink
from reprobox.image.stream import chunks

BLOCK = 1 << 20


def writers() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "reprobox-archive"]


def test_small_writes_are_joined_and_all_bytes_come() -> None:
    def write(target: Sink) -> None:
        for _ in range(20_000):
            target.write(b"x" * 100)
        target.write(b"end")

    with chunks(write) as parts:
        found = list(parts)
    assert b"".join(found) == b"x" * 2_000_000 + b"end"
    assert [len(part) >= BLOCK for part in found] == [True, False]
    assert writers() == []


def test_a_writer_that_writes_nothing_ends() -> None:
    with chunks(lambda _: None) as parts:
        assert list(parts) == []


def test_the_writer_s_fault_comes_out_whatever_the_reader_made_of_it() -> None:
    def write(target: Sink) -> None:
        target.write(b"x" * BLOCK)
        raise ValueError("no more")

    def read(parts: Iterator[bytes]) -> None:
        try:
            list(parts)
        except ValueError as fault:
            raise OSError("the engine says something else") from fault

    with pytest.raises(ValueError, match="no more"), chunks(write) as parts:
        read(parts)
    assert writers() == []


def test_a_reader_that_goes_away_ends_the_writer() -> None:
    def write(target: Sink) -> None:
        while True:
            target.write(b"x" * BLOCK)

    with chunks(write) as parts:
        assert len(next(parts)) == BLOCK
    assert writers() == []
    with pytest.raises(OSError, match="of the reader"), chunks(write) as parts:
        raise OSError("of the reader")
    assert writers() == []
