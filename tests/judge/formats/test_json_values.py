"""JSON, JSON lines and notebooks: exact values, each under a path that is its own."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from file_contents import content_of, plain, rest

from reprobox.judge.formats import json_values
from reprobox.judge.leaves import Blob, Int, Unreadable


@pytest.mark.parametrize(
    ("name", "part"),
    [("loss", ".loss"), ("a.b", '["a.b"]'), ("", '[""]'), ("a b", '["a b"]'), ("ä", ".ä")],
)
def test_a_key_as_part_of_a_path(name: str, part: str) -> None:
    assert json_values.key(name) == part


def test_numbers_are_exact() -> None:
    found = json_values.parse("[1, 1.0, 9007199254740993.0, 1e400, 0.10, NaN, -Infinity]")
    assert found[:2] == [Int(1), Int(1)]
    assert found[2] == 9007199254740993
    assert found[3] == Decimal("1e400")
    assert (repr(found[4]), repr(found[5]), repr(found[6])) == ("0.1", "nan", "-inf")
    assert isinstance(json_values.parse("1" * 5000), Blob)


@pytest.mark.parametrize("text", ["{", '{"a": 1} 2', "[" * 100_000, "'a'", '{"a": 1, "a": 2}'])
def test_what_is_no_json_says_so(text: str) -> None:
    with pytest.raises(Unreadable):
        json_values.parse(text)


def test_a_byte_order_mark_is_left_out_and_all_else_is_accounted_for(tmp_path: Path) -> None:
    content = content_of(tmp_path, "a.json", b'\xef\xbb\xbf{"a": [1, {}]}\n')
    assert plain(content) == {"$.a[0]": 1, "$.a[1]{}": "empty"}
    assert rest(content) == []


def test_blank_lines_count_but_for_those_at_the_end(tmp_path: Path) -> None:
    found = plain(content_of(tmp_path, "a.jsonl", b'{"a": 1}\r\n\n{"a": 2}\n\n'))
    assert found == {"[0].a": 1, "[1]<blank>": "", "[2].a": 2}


def notebook(**cell: Any) -> bytes:
    return json.dumps({"cells": [{"cell_type": "code", "id": "x", **cell}], "nbformat": 4}).encode()


def test_a_notebook_is_compared_without_ids_and_clocks(tmp_path: Path) -> None:
    one = notebook(id="a", metadata={"execution": {"at": 1}, "k": 2}, source=["x\n", "y"])
    other = notebook(id="b", metadata={"papermill": 7, "k": 2}, source="x\ny")
    first, second = (plain(content_of(tmp_path, "a.ipynb", data)) for data in (one, other))
    assert first == second
    assert (first["$.cells[0].metadata.k"], first["$.cells[0].source"]) == (2, "x\ny")


@pytest.mark.parametrize("data", [b"{}", b'{"cells": [3]}', b'{"cells": {}}'])
def test_what_is_no_notebook_is_not_read_as_one(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Unreadable, match="notebook"):
        content_of(tmp_path, "a.ipynb", data)
