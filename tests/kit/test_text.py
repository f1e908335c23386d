"""Names as people see them: on one line, in letters that are there."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprobox.errors import StoreError
from reprobox.kit.text import in_a_line, shown


@pytest.mark.parametrize(
    ("name", "as_seen"),
    [
        (b"plain name", "plain name"),
        ("grüße".encode(), "grüße"),
        (b"evil\nidentical: 5 of 5", r"evil\nidentical: 5 of 5"),
        (b"a\tb\r", r"a\tb\r"),
        (b"\x1b[2J\x07", r"\x1b[2J\x07"),
        (b"\xff\xfe.bin", r"\xff\xfe.bin"),
        ("bidi\u202egnp".encode(), r"bidi\u202egnp"),
        ("no-break\u00a0space".encode(), r"no-break\u00a0space"),
        ("\U000e0001".encode(), r"\U000e0001"),
    ],
)
def test_a_name_stays_on_its_line(name: bytes, as_seen: str) -> None:
    assert shown(os.fsdecode(name)) == as_seen


@given(st.binary(max_size=50))
def test_any_bytes_can_be_shown(name: bytes) -> None:
    text = shown(name.decode("utf-8", "surrogateescape"))
    assert text.isprintable()
    assert text.encode().decode() == text


def test_a_failure_in_a_line() -> None:
    assert in_a_line(StoreError("it failed", why="one\ntwo")) == "it failed (one two)"
    assert len(in_a_line(OSError(36, "x" * 9000))) < 400
