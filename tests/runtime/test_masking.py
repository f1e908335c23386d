"""Masking: the same whatever pieces the bytes come in, and nothing of a value gets through."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

PAYLOAD = Path(__file__).parents[2] / "reprobox/runtime/payload"


@pytest.fixture(scope="module")
def hidden() -> ModuleType:
    """The payload's module, which is never imported by reprobox itself."""
    spec = importlib.util.spec_from_file_location(
        "_reprobox_secrets", PAYLOAD / "_reprobox_secrets.py"
    )
    assert spec is not None
    assert spec.loader is not None
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def plainly(data: bytes, values: list[bytes]) -> bytes:
    """From left to right, the longest value at each place."""
    out, place = b"", 0
    while place < len(data):
        hit = next((value for value in values if data.startswith(value, place)), None)
        out += b"***" if hit else data[place : place + 1]
        place += len(hit) if hit else 1
    return out


LETTERS = st.lists(st.sampled_from(b"abc"), max_size=6).map(bytes)


@given(
    values=st.lists(LETTERS.filter(bool), min_size=1, max_size=3),
    pieces=st.lists(LETTERS, max_size=10),
)
def test_masking_does_not_depend_on_the_pieces(
    hidden: ModuleType, values: list[bytes], pieces: list[bytes]
) -> None:
    patterns = hidden.patterns(values)
    held, got = b"", b""
    for piece in [*pieces, None]:
        clear, held = hidden.masked(held + (piece or b""), patterns, piece is None)
        got += clear
    assert (got, held) == (plainly(b"".join(pieces), patterns), b"")


def test_what_cannot_be_a_value_is_not_held_back(hidden: ModuleType) -> None:
    assert hidden.masked(b"a prompt> ", [b"token"], False) == (b"a prompt> ", b"")
    assert hidden.masked(b"a prompt> tok", [b"token"], False) == (b"a prompt> ", b"tok")


def test_a_key_is_masked_line_by_line_and_whole(hidden: ModuleType) -> None:
    key = b"-----BEGIN KEY-----\nfirst line of it\nshort\n-----END KEY-----\n"
    assert hidden.patterns([key])[0] == key.strip()
    assert b"first line of it" in hidden.patterns([key])
    assert b"short" not in hidden.patterns([key])


def test_variables_are_names_without_the_last_newline(hidden: ModuleType, tmp_path: Path) -> None:
    for name, value in (
        ("TOKEN", b"abc\n"),
        ("not.a.name", b"abc"),
        ("ODD", b"a\0b"),
        ("tag_\u00e9", b"abc"),
    ):
        (tmp_path / name).write_bytes(value)
    assert hidden.Secrets(os.fspath(tmp_path)).environment() == {b"TOKEN": b"abc"}
    assert hidden.Secrets(None).environment() == {}
