"""What the reader's process computes, called in this one; its limits are tested in test_reader."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from reprobox.judge import reader_child


def pair(folder: Path, left: bytes, right: bytes) -> tuple[Path, Path]:
    for name, data in (("l", left), ("r", right)):
        (folder / name).write_bytes(data)
    return folder / "l", folder / "r"


BLOCK = 1 << 16


@pytest.mark.parametrize(
    ("left", "right", "first", "count"),
    [
        (b"abc", b"abc", None, 0),
        (b"abc", b"aXY", 1, 2),
        (bytes(BLOCK) + b"a", bytes(BLOCK) + b"b", BLOCK, 1),
        (bytes(BLOCK - 1) + b"ab", bytes(BLOCK - 1) + b"xy", BLOCK - 1, 2),
        (b"abc", b"abcd", 3, None),
        (b"", b"a", 0, None),
        (bytes(BLOCK), bytes(BLOCK) + b"x", BLOCK, None),
    ],
)
def test_the_first_differing_byte_and_how_many(
    tmp_path: Path, left: bytes, right: bytes, first: int | None, count: int | None
) -> None:
    found = reader_child._bytes(*pair(tmp_path, left, right))
    assert (found["first_byte"], found.get("bytes_differ")) == (first, count)
    assert (found["digests"][0] == found["digests"][1]) is (left == right)


def test_the_text_or_the_time_around_a_byte_of_a_file_that_no_reader_knows(tmp_path: Path) -> None:
    left, right = pair(tmp_path, b"\0name=one\0", b"\0name=two\0")
    assert reader_child._around(left, right, 6) == {"around": ["name=one", "name=two"]}
    left, right = pair(tmp_path, b"\0at 04:20:21\0", b"\0at 04:20:25\0")
    [found] = reader_child._around(left, right, 11)["by_chance"]
    assert found["kind"] == "a time"
    left, right = pair(tmp_path, struct.pack("<d", 1795839621.5), struct.pack("<d", 1795839625.5))
    [found] = reader_child._around(left, right, 4)["by_chance"]
    assert found["name"] == "offset 0, a double"
    left, right = pair(tmp_path, b"\0\1\0", b"\0\2\0")
    assert reader_child._around(left, right, 1) == {}


def request(folder: Path, left: bytes, right: bytes, name: str, **said: Any) -> dict[str, Any]:
    one, other = pair(folder, left, right)
    return {
        "left": str(one),
        "right": str(other),
        "name": name,
        "scratch": str(folder),
        "limits": {"unpacked": 1 << 20},
        "tolerance": {},
        "only_numbers": False,
        **said,
    }


def test_a_pair_of_a_known_format_is_compared_by_content(tmp_path: Path) -> None:
    asked = request(tmp_path, b'{"a": 1, "t": 5}', b'{"a": 2, "t": 9}', "m.json")
    found = reader_child._compare(asked | {"treatments": [{"pattern": "$.t"}]})
    assert (found["same"], found["first"]["name"]) == (False, "$.a")
    assert "$.t" not in json.dumps(found["first"])
    close = {"treatments": [{"pattern": "$.a", "atol": 1}, {"pattern": "$.t", "compare": "ignore"}]}
    assert reader_child._compare(asked | close)["within"]


@pytest.mark.parametrize(
    ("left", "right", "side"), [(b"{", b"[1]", "left"), (b"[1]", b"{", "right")]
)
def test_the_side_that_cannot_be_read_is_named(
    tmp_path: Path, left: bytes, right: bytes, side: str
) -> None:
    found = reader_child._compare(request(tmp_path, left, right, "m.json"))
    assert (found["side"], "not JSON" in found["why"]) == (side, True)


def test_leaves_are_selected_by_their_patterns(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b'{"a": 1, "b": 2}')
    asked = {
        "path": str(tmp_path / "m"),
        "name": "m.json",
        "scratch": str(tmp_path),
        "limits": {"unpacked": 1 << 20},
        "patterns": ["$.b"],
        "most": 9,
    }
    found = reader_child._leaves(asked)
    assert found["format"] == "json"
    assert "$.b" in json.dumps(found["leaves"])
    assert "$.a" not in json.dumps(found["leaves"])


@pytest.mark.parametrize(
    ("status", "said"),
    [(14, "took longer"), (9, "took longer"), (11, "SIGSEGV"), (3 << 8, "exit code 3")],
)
def test_how_a_reader_ended(status: int, said: str) -> None:
    assert said in reader_child._ended(status)
