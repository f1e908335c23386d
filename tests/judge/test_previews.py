"""Previews of outputs, made in the reader's own process; hostile files included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from web_world import npy

from reprobox.judge.reader import Reader


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.json", b'[{"x": 1, "y": "<b>"}, {"x": 2}]', {"columns": ["x", "y"], "rows": [["1", "<b>"], ["2", ""]], "cut": False}),
        ("a.jsonl", b'{"x": null}\n{"x": true}\n', {"columns": ["x"], "rows": [[""], ["true"]], "cut": False}),
        ("a.tsv", b"a\tb\n1\t2\n", {"columns": ["a", "b"], "rows": [["1", "2"]], "cut": False}),
        ("a.csv", b"a;b\n1,5;2\n", {"columns": ["a", "b"], "rows": [["1,5", "2"]], "cut": False}),
    ],
)  # fmt: skip
def test_tables(tmp_path: Path, name: str, data: bytes, expected: dict[str, object]) -> None:
    (tmp_path / "f").write_bytes(data)
    with Reader() as reader:
        found = reader.preview(tmp_path / "f", name=name)
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.json", b"[" * 100_000), ("a.json", b"{"), ("a.npy", b"\x93NUMPY\x01\x00\xff\xff"),
     ("a.npz", b"PK\x03\x04" + b"\0" * 50)],
)  # fmt: skip
def test_a_hostile_file_costs_nothing_but_its_preview(
    tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / "f").write_bytes(data)
    with Reader() as reader:
        assert "why" in reader.preview(tmp_path / "f", name=name)
        (tmp_path / "g").write_bytes(npy([1.0, float("nan"), 3.0]))
        (tensor,) = reader.preview(tmp_path / "g", name="g.npy")["tensors"]
    assert (tensor["mean"], tensor["not_finite"], tensor["count"]) == (2.0, 1, 3)


def test_a_pickle_is_named_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00exit\x85R.")
    with Reader() as reader:
        found = reader.preview(tmp_path / "f", name="a.pkl")
    assert "os.system" in json.dumps(found)
