"""Masking: the same whatever pieces the bytes come in, and nothing of a value gets through."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import sys
import urllib.parse
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

PAYLOAD = Path(__file__).parents[3] / "reprobox/runtime/payload"


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
    """All at once, the longest value first."""
    for value in values:
        data = data.replace(value, b"***")
    return data


LETTERS = st.lists(st.sampled_from(b"abc"), max_size=6).map(bytes)


@given(
    values=st.lists(LETTERS.filter(bool), min_size=1, max_size=3),
    pieces=st.lists(LETTERS, max_size=10),
)
def test_masking_does_not_depend_on_the_pieces(
    hidden: ModuleType, values: list[bytes], pieces: list[bytes]
) -> None:
    patterns = hidden.patterns(values)
    mask, got = hidden.Mask(patterns), b""
    for piece in [*pieces, None]:
        got += mask.feed(piece or b"", piece is None)
    assert got == plainly(b"".join(pieces), patterns)
    assert mask.held == [b""] * len(patterns)


def test_what_cannot_be_a_value_is_not_held_back(hidden: ModuleType) -> None:
    mask = hidden.Mask([b"token"])
    assert (mask.feed(b"a prompt> ", False), mask.held) == (b"a prompt> ", [b""])
    assert (mask.feed(b"a prompt> tok", False), mask.held) == (b"a prompt> ", [b"tok"])


VALUES = st.one_of(
    st.binary(min_size=9, max_size=24).filter(lambda value: value == value.strip()),
    st.text(min_size=9, max_size=16).map(lambda text: text.encode("utf-8", "replace").strip()),
    st.sampled_from([b"p\"a\\s's w\xc3\xb6rd\xf0\x9f\x94\x91!", b"hf_0123456789abcdef"]),
).filter(lambda value: len(value) > 8)


def shim_json(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    codes = [int.from_bytes(units[place : place + 2], "big") for place in range(0, len(units), 2)]
    return "".join(
        chr(code) if 32 <= code < 127 and code not in (34, 92) else f"\\u{code:04x}"
        for code in codes
    )


def written(value: bytes) -> dict[str, bytes]:
    """A value as programs write it."""
    text = value.decode("utf-8", "surrogateescape")
    plain = value.decode("utf-8", "backslashreplace")
    return {
        "raw": value,
        "repr": repr(value).encode(),
        "repr of text": repr(plain).encode("utf-8", "backslashreplace"),
        "JSON": json.dumps(plain).encode(),
        "JSON, UTF-8": json.dumps(plain, ensure_ascii=False).encode("utf-8", "backslashreplace"),
        "a command line": b"--password=" + text.encode("utf-8", "surrogateescape"),
        "the shim's JSON": shim_json(plain).encode("ascii"),
        "percent": urllib.parse.quote(value, safe="").encode(),
        "a URL's path": urllib.parse.quote(value).encode(),
        "hex": value.hex().encode(),
        "base64": base64.b64encode(value),
        "Basic": base64.b64encode(b"user:" + value),
        "base64 for URLs": base64.urlsafe_b64encode(b"a:" + value + b"\n"),
    }


@given(value=VALUES)
def test_nothing_of_a_value_is_left_in_any_encoding(hidden: ModuleType, value: bytes) -> None:
    patterns = hidden.patterns([value])
    for how, data in written(value).items():
        clean = hidden.masked(b"<" + data + b">", patterns)
        assert b"***" in clean, how
        # base64 has up to two digits on each side that other bytes had a part in.
        assert len(clean) <= len(b"<***>") + len(data) - len(value) + 4, (how, clean)


def test_masking_is_linear(hidden: ModuleType) -> None:
    """A dense value is split once, whatever the number of hits: counted, not timed."""
    calls = 0

    class Counted(bytes):
        def find(self, *words: object) -> int:  # type: ignore[override]
            nonlocal calls
            calls += 1
            return super().find(*words)  # type: ignore[arg-type]

    mask = hidden.Mask(hidden.patterns([b"abcd"]))
    data = Counted(b"abcd" * 100_000 + b"ab")
    assert mask.feed(data, False) + mask.feed(b"", True) == b"***" * 100_000 + b"ab"
    assert calls <= 2 * len(mask.values)


def test_markers_are_masked_before_they_are_cut(
    hidden: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "TOKEN").write_bytes(b"s3cret-value\n")
    monkeypatch.setenv("REPROBOX_SECRETS", str(tmp_path))
    mask = hidden.known()
    assert mask("--token=s3cret-value \udcff") == "--token=*** \udcff"
    assert mask("nothing") == "nothing"
    monkeypatch.delenv("REPROBOX_SECRETS")
    assert hidden.known()("s3cret-value") == "s3cret-value"


def test_a_key_is_masked_line_by_line_and_whole(hidden: ModuleType) -> None:
    key = b"-----BEGIN KEY-----\nfirst line of it\nshort\n-----END KEY-----\n"
    assert key.strip() in hidden.patterns([key])
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
    assert hidden.Secrets(os.fspath(tmp_path)).environment() == {
        b"TOKEN": b"abc",
        b"REPROBOX_SECRETS": os.fsencode(tmp_path),
    }
    assert hidden.Secrets(None).environment() == {}
