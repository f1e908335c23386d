"""Typed access to a section: a wrong value is noted, and the default is taken."""

from __future__ import annotations

from typing import Any

import pytest
from config_sections import Read


def test_a_section_that_is_no_mapping_is_noted_and_empty() -> None:
    read = Read([1])
    assert read.section.value == {}
    assert ["reprobox: expected a mapping" in one for one in read.faults()] == [True]


def test_an_unknown_key_is_noted_with_the_nearest_known_one() -> None:
    read = Read({"sed": 1, "seed": 2})
    read.section.expect(["seed", "threads"])
    [fault] = read.faults()
    assert "reprobox.sed: is not a setting of reprobox" in fault
    assert "seed" in fault.partition("reprobox.sed:")[2]


@pytest.mark.parametrize(
    ("value", "found", "fault"),
    [
        (5, 5, None),
        (None, 1, None),
        (0, 1, "within 1 to 9"),
        (True, 1, "expected a whole"),
        ("5", 1, "expected a whole"),
        (5.0, 1, "expected a whole"),
    ],
)
def test_whole_numbers(value: Any, found: int, fault: str | None) -> None:
    read = Read({"x": value})
    assert read.section.whole("x", 1, low=1, high=9) == found
    assert [fault in one for one in read.faults()] == ([True] if fault else [])


@pytest.mark.parametrize(
    ("value", "ok"), [(0, True), (0.5, True), (-1, False), (float("inf"), False), (True, False)]
)
def test_numbers(value: Any, ok: bool) -> None:
    read = Read({"x": value})
    assert read.section.number("x", None) == (value if ok else None)
    assert bool(read.faults()) is not ok


def test_a_number_counts_as_text_as_it_was_written() -> None:
    read = Read({"x": 3.1, "y": True, "z": ["a", 1.1, {}]}, {("reprobox", "x"): "3.10"})
    assert read.section.text("x", None) == "3.10"
    assert read.section.text("y", "default") == "default"
    assert read.section.texts("z") == ("a", "1.1")
    assert len(read.faults()) == 2


def test_one_text_stands_for_a_list_and_a_word_is_one_of_some() -> None:
    read = Read({"x": "a", "w": "gren"})
    assert read.section.texts("x") == ("a",)
    assert read.section.texts("absent") == ()
    assert read.section.choice("w", "red", ["red", "green"]) == "red"
    [fault] = read.faults()
    assert "there is no 'gren'" in fault
    assert "green" in fault


def test_a_mapping_of_texts_keeps_what_is_right() -> None:
    def check(name: str, text: str) -> str:
        if name == "bad":
            raise ValueError("not this one")
        return text.upper()

    read = Read({"x": {"a": "b", "bad": "c", "odd": [1], 3: 4}})
    assert read.section.text_map("x", check) == {"a": "B", "3": "4"}
    assert [one.split(": ", 1)[0].split()[-1] for one in read.faults()] == [
        "reprobox.x.bad",
        "reprobox.x.odd",
    ]
