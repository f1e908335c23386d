"""One process serves many pairs, each within its own limits; rules below the file; values of one
file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from looking import look

from reprobox.judge.leaves import selector
from reprobox.judge.reader import Limits, Reader
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileVerdict

CONTENT = OutputRule(pattern="*", compare="content")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(Limits(memory=1 << 28, cpu=20)) as found:
        yield found


def pair(home: Path, left: bytes, right: bytes) -> tuple[Path, Path]:
    (home / "left").write_bytes(left)
    (home / "right").write_bytes(right)
    return home / "left", home / "right"


def test_a_pair_that_needs_too_much_costs_only_itself(tmp_path: Path, reader: Reader) -> None:
    small = pair(tmp_path, b'{"a": 1}', b'{"a": 2}')
    assert reader.look(*small, CONTENT, path="a.json").state == "different"
    large = json.dumps([[n] for n in range(900_000)]).encode()
    (tmp_path / "x").mkdir()
    found = reader.look(*pair(tmp_path / "x", large, large + b" "), CONTENT, path="a.json")
    assert (found.state, found.detail.why) == (
        "not-checked",
        "the reader ran out of its memory limit",
    )
    assert reader.look(*small, CONTENT, path="a.json").state == "different"


def test_a_process_that_is_gone_is_started_again(tmp_path: Path) -> None:
    small = pair(tmp_path, b'{"a": 1}', b'{"a": 2}')
    with Reader() as reader:
        assert reader.look(*small, CONTENT, path="a.json").state == "different"
        assert reader._server is not None
        os.kill(reader._server._process.pid, 9)
        assert "ended" in str(reader.look(*small, CONTENT, path="a.json").detail.why)
        assert reader.look(*small, CONTENT, path="a.json").state == "different"


def test_a_verdict_names_the_reader(tmp_path: Path) -> None:
    found = look(*pair(tmp_path, b'{"a": 1}', b'{"a": 2}'), CONTENT, path="a.json")
    assert str(found.detail.reader).startswith("json: reprobox ")


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("$.log[*].time", ["$.log[0].time", "$.log[12].time.s"], ["$.log[0].times", "$.time"]),
        ("loss", ["loss", "loss@3", "loss[2]", "loss (empty)"], ["loss2", "val/loss"]),
        ("train/*", ["train/loss@1", "train/acc"], ["test/loss"]),
        ("optimizer/**/exp_avg", ["optimizer/state{0}/exp_avg"], ["optimizer/exp_avg_sq"]),
        ("a.json!$.t", ["a.json!$.t"], ["b.json!$.t"]),
        ("$.*.t", ["$.a.t", '$.a.t["x"]'], ["$.a.b.t"]),
        ("a\\*b", ["a*b"], ["axb"]),
    ],
)
def test_a_pattern_selects_a_name_and_what_is_below(
    pattern: str, yes: list[str], no: list[str]
) -> None:
    match = selector(pattern).match
    assert ([bool(match(name)) for name in yes], [bool(match(name)) for name in no]) == (
        [True] * len(yes),
        [False] * len(no),
    )


def treated(home: Path, left: Any, right: Any, *treatments: dict[str, Any]) -> FileVerdict:
    files = pair(home, json.dumps(left).encode(), json.dumps(right).encode())
    return look(*files, CONTENT, path="a.json", treatments=treatments)


def test_rules_below_the_file(tmp_path: Path) -> None:
    left = {"log": [{"loss": 0.5, "runtime": 1.25}], "host": "a"}
    right = {"log": [{"loss": 0.5000001, "runtime": 9.5}]}
    clock = {"pattern": "$.log[*].runtime", "compare": "ignore"}
    near = {"pattern": "$.log[*].loss", "rtol": 1e-6}
    host = {"pattern": "$.host"}
    found = treated(tmp_path, left, right, clock, near, host)
    assert (found.state, found.detail.ignored_leaves) == ("equal-under-rule", 2)
    assert treated(tmp_path, left, right, clock, near).detail.missing == ("$.host",)
    assert treated(tmp_path, left, right, clock, host).state == "different"
    unused = treated(tmp_path, left, right, clock, near, host, {"pattern": "$.nothing"})
    assert unused.detail.unused_patterns == ("$.nothing",)


def test_values_of_one_file_are_handed_on(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("step,loss\n1,0.5\n2,0.25\n3,nan\n")
    with Reader() as reader:
        found = reader.leaves(tmp_path / "m.csv", patterns=["loss"], most=2)
        assert found["leaves"] == [
            {
                "name": "loss",
                "dtype": "float64",
                "shape": [3],
                "values": [0.5, 0.25],
                "cut": True,
            }
        ]
        (tmp_path / "bad.json").write_text("{")
        assert "why" in reader.leaves(tmp_path / "bad.json")
