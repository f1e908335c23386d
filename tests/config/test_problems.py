"""All faults of a config in one error."""

from __future__ import annotations

import pytest

from reprobox.config.problems import COMMAND_LINE, Problems, described, nearest
from reprobox.errors import ConfigError


def test_without_a_fault_nothing_is_raised() -> None:
    Problems(where="c.yaml").throw()


def test_each_fault_has_its_line() -> None:
    problems = Problems(where="c.yaml")
    problems.add("first", line=3)
    problems.add("second", line=COMMAND_LINE)
    problems.add("third")
    with pytest.raises(ConfigError) as raised:
        problems.throw("correct them")
    assert raised.value.what == "c.yaml has 3 problems"
    assert raised.value.why.splitlines() == ["line 3: first", "command line: second", "third"]
    assert raised.value.next_step == "correct them"


def test_of_many_faults_fifty_are_listed() -> None:
    problems = Problems(where="c.yaml")
    for number in range(60):
        problems.add(f"fault {number}")
    with pytest.raises(ConfigError) as raised:
        problems.throw()
    lines = raised.value.why.splitlines()
    assert (len(lines), lines[-1]) == (51, "and 10 more")


def test_a_file_cannot_write_on_the_terminal() -> None:
    problems = Problems(where="c.yaml")
    problems.add("\x1b[2Jgone", line=1)
    with pytest.raises(ConfigError) as raised:
        problems.throw()
    assert "\x1b" not in raised.value.why


def test_the_nearest_name() -> None:
    assert nearest("seeed", ("seed", "lr")) == " (did you mean 'seed'?)"
    assert nearest("zzz", ("seed", "lr")) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        ({}, "a mapping"),
        ([1], "a list"),
        (True, "true"),
        (3, "the number 3"),
        ("a", "the text 'a'"),
        ("x" * 99, "the text '" + "x" * 56 + "..."),
    ],
)
def test_what_was_found_in_words(value: object, text: str) -> None:
    assert described(value) == text
