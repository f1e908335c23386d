"""What a document remembers besides its values."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.config.yaml_document import Document, dotted, leaves


def test_the_line_of_a_key_or_of_the_nearest_thing_around_it() -> None:
    document = Document(value={}, lines={("a",): 3, ("a", "b"): 4, ("cli",): 0})
    assert document.line(("a", "b", "c")) == 4
    assert document.line(("a", "x")) == 3
    assert document.line(("cli", 0)) == 0
    assert document.line(("z",)) is None
    assert document.line(()) is None


def test_a_value_that_is_replaced_takes_its_lines_and_texts_along() -> None:
    document = Document(
        value={},
        lines={("a",): 1, ("a", "b"): 2, ("ab",): 3},
        texts={("a", "b"): "1e-3", ("c",): "1"},
    )
    document.forget(("a",))
    assert (document.lines, document.texts) == ({("ab",): 3}, {("c",): "1"})


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": {"b": 1, "c.d": [1, 2]}, "e": {}}, ["a.b", "a.c\\.d", "e"]),
        ({}, []),
        (5, []),
        ({"a": {1: None}}, ["a.1"]),
    ],
)
def test_the_keys_that_hold_no_further_keys(value: Any, found: list[str]) -> None:
    assert leaves(value) == found


def test_a_dot_within_a_key_is_escaped() -> None:
    assert dotted(("a.b", 0, "c")) == "a\\.b.0.c"
