"""Trails as files: damage, cuts, several processes. What trainings write is tested with the
runtime.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reprobox.errors import NotComparable
from reprobox.judge import trail
from reprobox.model import codec
from reprobox.model.verdict import TrailComparison

HEAD = {"format": "reprobox.trail/1", "process": "main", "every": 2}
NAMES = {"o": 0, "class": "SGD", "names": ["w", "b"], "shapes": [[2], [1]]}


def write(path: Path, *lines: Any, end: str = "\n") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(json.dumps(line) for line in lines) + end)
    return path


def step(number: int, *prints: str, optimizer: int = 0, **more: Any) -> dict[str, Any]:
    return {"o": optimizer, "s": number, "p": list(prints), "rng": "r", **more}


def test_the_first_tensor_of_the_first_step_is_named(tmp_path: Path) -> None:
    left = trail.read(
        write(tmp_path / "l", HEAD, NAMES, step(2, "a", "b"), step(4, "c", "d"), step(6, "e", "f"))
    )
    right = trail.read(
        write(tmp_path / "r", HEAD, NAMES, step(2, "a", "b"), step(4, "c", "X"), step(6, "Y", "Z"))
    )
    found = trail.compare(left, right)
    assert (found.step, found.window, found.tensors, found.differ, found.of) == (
        4,
        (2, 4),
        ("b",),
        1,
        2,
    )


def test_only_common_steps_are_compared(tmp_path: Path) -> None:
    left = trail.read(
        write(tmp_path / "l", HEAD, NAMES, step(1, "a", "b"), step(2, "c", "d"), step(3, "e", "f"))
    )
    right = trail.read(write(tmp_path / "r", HEAD, NAMES, step(2, "c", "d"), step(4, "g", "h")))
    same = TrailComparison(state="equal", process="main", compared=1)
    assert trail.compare(left, right) == same
    nothing = trail.read(write(tmp_path / "n", HEAD, NAMES, step(7, "c", "d")))
    assert trail.compare(left, nothing).state == "not-checked"


def test_optimizers_are_told_apart(tmp_path: Path) -> None:
    lines = [
        HEAD,
        NAMES,
        {**NAMES, "o": 1},
        step(1, "a", "b"),
        step(1, "c", "d", optimizer=1),
        step(2, "e", "f"),
    ]
    left = trail.read(write(tmp_path / "l", *lines, step(2, "g", "h", optimizer=1)))
    right = trail.read(write(tmp_path / "r", *lines, step(2, "X", "h", optimizer=1)))
    found = trail.compare(left, right)
    assert (found.optimizer, found.step, found.window, found.tensors) == (
        "1",
        2,
        (1, 2),
        ("w",),
    )


def test_gradients_show_when_parameters_agree(tmp_path: Path) -> None:
    left = trail.read(write(tmp_path / "l", HEAD, NAMES, step(2, "a", "b", g=["x", "y"])))
    right = trail.read(write(tmp_path / "r", HEAD, NAMES, step(2, "a", "b", g=["x", "z"])))
    assert (trail.compare(left, right).kind, trail.compare(left, right).tensors) == (
        "gradients",
        ("b",),
    )


def test_another_number_of_parameters_is_a_difference(tmp_path: Path) -> None:
    left = trail.read(write(tmp_path / "l", HEAD, NAMES, step(2, "a", "b")))
    right = trail.read(write(tmp_path / "r", HEAD, {**NAMES, "names": ["w"]}, step(2, "a")))
    assert trail.compare(left, right).why == "other tensors"


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "l", HEAD, NAMES, step(2, "a", "b"))
    path.write_text(path.read_text() + '{"o": 0, "s": 4, "p": ["c')
    read = trail.read(path)
    assert (read.cut, list(read.steps)) == (True, [("0", 2)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}\n",
        "nonsense\n",
        '{"format": "reprobox.trail/2"}\n',
        "[]\n",
        '{"format":"reprobox.trail/1"}\n{x\n',
    ],
)
def test_what_is_not_a_trail_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "trail.jsonl").write_text(text)
    with pytest.raises(NotComparable):
        trail.read(tmp_path / "trail.jsonl")


def test_processes_are_paired_by_name_and_the_earliest_difference_counts(tmp_path: Path) -> None:
    for side, late, early in (("l", "c", "e"), ("r", "X", "Y")):
        write(tmp_path / side / "trail.jsonl", HEAD, NAMES, step(2, "a", "b"), step(4, late, "d"))
        write(
            tmp_path / side / "trail-rank1.jsonl",
            {**HEAD, "process": "rank1"},
            NAMES,
            step(2, early, "f"),
        )
    found = trail.compare_runs(tmp_path / "l", tmp_path / "r")
    assert found is not None
    assert (found.process, found.step) == ("rank1", 2)


def test_a_trail_on_one_side_only_is_not_checked(tmp_path: Path) -> None:
    write(tmp_path / "l" / "trail.jsonl", HEAD, NAMES, step(2, "a", "b"))
    (tmp_path / "r").mkdir()
    found = trail.compare_runs(tmp_path / "l", tmp_path / "r")
    assert json.loads(codec.encode(found)) == {
        "state": "not-checked",
        "compared": 0,
        "only_on_one_side": ["trail.jsonl"],
    }
    assert trail.compare_runs(tmp_path / "r", tmp_path / "r") is None


OPS = {"format": "reprobox.optrace/1", "from": 3, "to": 4}


def call(number: int, name: str = "aten.mm.default", **changes: Any) -> dict[str, Any]:
    return {
        "n": number,
        "s": 3,
        "op": name,
        "in": ["a"],
        "out": ["b"],
        "at": "train.py:5",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"out": ["X"]}, "kernel"),
        ({"in": ["X"]}, "inputs"),
        ({"rng": "X"}, "draws"),
        ({"op": "aten.add.Tensor"}, "sequence"),
    ],
)
def test_blame(tmp_path: Path, changes: dict[str, Any], cause: str) -> None:
    left = write(tmp_path / "l", OPS, call(0), call(1))
    right = write(tmp_path / "r", OPS, call(0), call(1, **changes))
    found = trail.compare_operations(left, right)
    assert (found.cause, found.call, found.step, found.at) == (cause, 1, 3, "train.py:5")
    assert "train.py:5" in found.sentence()


def test_a_longer_trace_is_another_sequence(tmp_path: Path) -> None:
    left, right = (
        write(tmp_path / "l", OPS, call(0)),
        write(tmp_path / "r", OPS, call(0), call(1, "aten.relu.default")),
    )
    found = trail.compare_operations(left, right)
    assert (found.cause, found.name) == ("sequence", "aten.relu.default")


def test_traces_of_other_windows_are_not_compared(tmp_path: Path) -> None:
    left, right = (
        write(tmp_path / "l", OPS, call(0)),
        write(tmp_path / "r", {**OPS, "to": 9}, call(0)),
    )
    with pytest.raises(NotComparable):
        trail.compare_operations(left, right)
