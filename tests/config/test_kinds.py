"""The kinds of settings: what each takes, and what its schema says."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from config_sections import Read

from reprobox.config.kinds import Choice, Flag, Number, Path, Text, TextMap, Texts, Whole
from reprobox.config.place import Place


def lower(text: str) -> str:
    if text != text.lower():
        raise ValueError("write it in lower case")
    return text


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (Text(lower), "a", "a"),
        (Text(lower), "A", None),
        (Path(Place.workdir), "x", "conf/x"),
        (Path(Place.workdir), "/x", None),
        (Flag(), True, True),
        (Flag(), "yes", None),
        (Flag(words=True), "no", False),
        (Flag(), 1, None),
        (Whole(0, 9), 10, None),
        (Number(), 0, 0),
        (Number(above_zero=True), 0, None),
        (Number(above_zero=True), 0.1, 0.1),
        (Choice(("a", "b")), "b", "b"),
        (Choice(("a", "b")), "c", None),
        (Texts(lower), ["a", "b"], ("a", "b")),
        (Texts(lower), ["a", "B"], ("a",)),
        (TextMap(lambda name, text, _: name + text), {"k": 1}, {"k": "k1"}),
    ],
)
def test_the_value_or_a_fault(kind: Any, value: Any, found: Any) -> None:
    read = Read({"x": value})
    assert read.by(kind) == found
    refused = found is None or value == ["a", "B"]
    assert bool(read.faults()) is refused


@pytest.mark.parametrize(
    ("kind", "value", "valid"),
    [
        (Number(above_zero=True), 0, False),
        (Number(), 0, True),
        (Flag(words=True), "yes", True),
        (Flag(), "yes", False),
        (Text(lower, pattern="^[a-z]+$"), "A", False),
        (Text(lower), "", False),
        (Path(Place.workdir), "/x", False),
        (TextMap(lambda _, text, __: text, names="^[A-Z]+$"), {"a": "b"}, False),
        (TextMap(lambda _, text, __: text, texts="^b"), {"a": "b"}, True),
        (Whole(1, 2), 3, False),
    ],
)
def test_an_editor_sees_the_same_bounds(kind: Any, value: Any, valid: bool) -> None:
    assert jsonschema.Draft7Validator(kind.schema()).is_valid(value) is valid


def test_what_counts_as_it_was_written() -> None:
    kinds: list[Any] = [Text(str), Texts(str), TextMap(lambda _, t, __: t), Path(Place.host)]
    assert all(kind.as_written for kind in kinds)
    others: list[Any] = [Flag(), Whole(0, 1), Number(), Choice(("a",))]
    assert not any(kind.as_written for kind in others)
