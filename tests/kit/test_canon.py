"""Canonical JSON: one byte form, and nothing read that is not in it."""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path

import pytest

from reprobox.kit import canon


def test_the_bytes_do_not_depend_on_the_order_of_keys() -> None:
    one, other = {"b": [1, 0.1], "a": "é\udcff"}, {"a": "é\udcff", "b": [1, 0.1]}
    assert canon.canonical(one) == b'{"a":"\\u00e9\\udcff","b":[1,0.1]}'
    assert canon.canonical(one) == canon.canonical(other)
    assert canon.parse(canon.canonical(one)) == one


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": -math.inf}, {1, 2}, b"x"])
def test_what_is_not_json_has_no_bytes(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        canon.canonical(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        "NaN",
        "-Infinity",
        "1e999",
        "[" * 66 + "]" * 66,
        "[" * 200_000,
        b"\xff",
        "",
    ],
)
def test_what_is_not_one_document_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        canon.parse(text)


def test_a_depth_of_64_is_read() -> None:
    assert canon.parse("[" * 64 + "]" * 64)


def test_digests_of_bytes_a_value_a_file_and_a_copy_agree(tmp_path: Path) -> None:
    data = b'{"a":1}'
    expected = f"sha256:{hashlib.sha256(data).hexdigest()}"
    (tmp_path / "f").write_bytes(data)
    seen: list[int] = []
    target = io.BytesIO()
    assert canon.digest_bytes(data) == expected
    assert canon.digest_of({"a": 1}) == expected
    assert canon.digest_file(tmp_path / "f") == expected
    assert canon.digest_file(tmp_path / "f", seen.append) == expected
    assert canon.copy_hashing(io.BytesIO(data), target) == (expected, len(data))
    assert (seen, target.getvalue()) == ([len(data)], data)


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "md5:" + "a" * 32]
)
def test_what_is_not_a_digest_never_becomes_a_name(text: str) -> None:
    assert not canon.is_digest(text)
    with pytest.raises(ValueError):
        canon.hex_of(text)


def test_the_hexadecimal_part() -> None:
    assert canon.hex_of("sha256:" + "0a" * 32) == "0a" * 32
