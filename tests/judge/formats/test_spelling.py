"""Numbers as they are written: exact, and one number for every spelling of it."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from reprobox.judge.formats import spelling
from reprobox.judge.leaves import Int, Real


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("1e2", "100"),
        ("0.1", "1.000000000000000056e-01"),
        ("1e16", "10000000000000000"),
        ("+5", "5"),
        (".5", "5e-1"),
        ("1" + "0" * 400, "1e400"),
    ],
)
def test_two_spellings_of_one_number(one: str, other: str) -> None:
    assert repr(spelling.number(one)) == repr(spelling.number(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("9007199254740993.0", "9007199254740992.0"),
        ("0.1", "0.1000000000000000001"),
        ("1e-400", "0"),
        ("1e400", "1e401"),
        ("5e-324", "3e-324"),
    ],
)
def test_numbers_that_a_double_would_make_one(one: str, other: str) -> None:
    assert spelling.number(one) != spelling.number(other)


def test_what_kind_of_number_it_is() -> None:
    assert isinstance(spelling.number("3.0"), Int)
    assert isinstance(spelling.number("3.5"), Real)
    assert spelling.number("1.5e-400") == Decimal("1.5e-400")
    minus = spelling.number("-0.0")
    assert isinstance(minus, Real)
    assert math.copysign(1, minus) == -1


@pytest.mark.parametrize("text", ["1" * 4001, "1e9999999999999999999"])
def test_more_than_is_read_is_no_number(text: str) -> None:
    assert spelling.number(text) is None


@pytest.mark.parametrize(
    ("text", "is_one"), [("1.", True), ("-1e+5", True), ("1_0", False), ("١", False), ("", False)]
)
def test_which_texts_are_numbers(text: str, is_one: bool) -> None:
    assert bool(spelling.NUMBER.fullmatch(text)) is is_one
