"""Pieces of bytes, read as a file."""

from __future__ import annotations

import io

from reprobox.kit.pieces import Pieces


def test_pieces_of_any_length_are_one_stream() -> None:
    file = io.BufferedReader(Pieces([b"ab", b"", b"cdef", b"g"]), 3)
    assert (file.read(1), file.read(4), file.read()) == (b"a", b"bcde", b"fg")


def test_no_pieces_are_an_empty_file() -> None:
    assert Pieces([]).read() == b""
    assert Pieces([b"", b""]).readable()


def test_only_what_is_asked_for_is_taken() -> None:
    taken: list[int] = []

    def pieces():
        for number in range(3):
            taken.append(number)
            yield bytes([number]) * 4

    file = Pieces(pieces())
    assert file.read(3) == b"\0\0\0"
    assert taken == [0]
