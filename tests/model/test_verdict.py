"""Verdicts of 0.1 keep their bytes, and a class stands in one place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.verdict import Class, FileState, Verdict, worst

PACKAGE = Path(codec.__file__).parents[1]
HEAD: dict[str, Any] = {
    "format": "reprobox.verdict/1",
    "left": "a",
    "right": "b",
    "left_record": "sha256:1",
    "right_record": "sha256:2",
    "result": "different",
    "files": [],
    "exit_equal": True,
    "ended": "",
    "stdout_equal": None,
    "causes": [],
    "trail": None,
    "notes": [],
    "forecast": None,
    "checked": 1.5,
}
TENSOR = {
    "name": "fc.weight",
    "index": [0, 3],
    "dtype": "float32",
    "shape": [2, 4],
    "left": 0.5,
    "right": 0.25,
    "count": 3,
    "ulp": 8,
    "abs": 0.25,
    "rel": 0.5,
}
DETAILS = [
    {},
    {"differs": ["bytes"], "first_byte": 0},
    {"differs": ["name", "bytes"], "rule": "content", "other_name": "c"},
    {"differs": ["bytes"], "rule": "tensors", "format": "torch", "first": TENSOR, "ulp": 8},
    {"first": {"name": "line 1", "left": "x", "right": None}, "count": 1, "total": 2},
    {
        "first": {
            "name": "n",
            "left": 1,
            "right": 2,
            "count": 1,
            "ulp": None,
            "abs": 1.0,
            "rel": 0.5,
        }
    },
    {"first": {**TENSOR, "index": [], "shape": [], "left": "nan", "ulp": None, "abs": None}},
    {"missing": [], "extra": ["$.y"], "leaves_that_differ": 0, "looks_like": "a time"},
    {"content": "equal", "sizes": [3, 4], "kinds": ["file", "link"], "bytes_differ": 1},
    {"refused": "socket"},
    {"why": "the reader took longer than it may", "side": "left"},
]
TRAILS = [
    {"state": "equal", "compared": 3, "only_on_one_side": []},
    {"state": "not-checked", "compared": 0, "why": "trail.jsonl is damaged"},
    {
        "state": "different",
        "process": "main",
        "compared": 3,
        "optimizer": "0",
        "step": 2,
        "window": [1, 2],
        "optimizers": 1,
        "position": None,
        "kind": "gradients",
        "tensors": ["w"],
        "differ": 1,
        "of": 2,
        "random_state_differs": False,
        "only_on_one_side": ["trail-7.jsonl"],
    },
]
FORECAST = {"sameness": "same-bits", "reasons": ["why"], "held": None}


@pytest.mark.parametrize(
    "changed",
    [
        *({"files": [a_file]} for a_file in (
            {"path": "p", "state": "different", "size": 1, "ours": "x", "theirs": None, "detail": d}
            for d in DETAILS
        )),
        *({"trail": trail} for trail in TRAILS),
        {"forecast": FORECAST},
    ],
    ids=lambda changed: json.dumps(changed)[:60],
)  # fmt: skip
def test_a_verdict_that_0_1_wrote_is_encoded_to_the_same_bytes(changed: dict[str, Any]) -> None:
    stored = canon.canonical({**HEAD, **changed})
    found = codec.decode(Verdict, stored, where="a verdict")
    assert codec.encode(found) == stored


def test_the_last_class_that_applies_counts() -> None:
    assert worst([Class.EQUAL_UNDER_RULE, Class.IDENTICAL]) is Class.EQUAL_UNDER_RULE
    assert worst([Class.DIFFERENT, Class.NOT_CHECKED]) is Class.DIFFERENT
    assert worst([]) is Class.IDENTICAL
    assert {state: state.implies.code for state in FileState if state.implies.code} == {
        FileState.NOT_CHECKED: 60,
        FileState.EXTRA: 1,
        FileState.MISSING: 1,
        FileState.DIFFERENT: 1,
    }


@pytest.mark.parametrize("word", [word for word in Class if "-" in word and word != "not-checked"])
def test_the_word_of_a_class_stands_in_one_module(word: str) -> None:
    """Trails have a state `not-checked` of their own; the other words are no plain English."""
    places = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if f'"{word}"' in path.read_text() and "payload" not in path.parts
    }
    assert places == {"model/verdict.py"}


def test_the_schema_of_verdicts_takes_what_the_codec_writes() -> None:
    schema = json.loads(codec.schema(Verdict))
    properties = schema["$defs"]["Verdict"]["properties"]
    assert properties["format"] == {"const": "reprobox.verdict/1"}
    assert set(HEAD) <= set(properties)
    assert schema["$defs"]["Class"]["enum"] == sorted(Class)
