"""Hydra's grammar of values: against Hydra's own parser for the same text where it was tried."""

from __future__ import annotations

import pytest

from reprobox.config.sweep_grammar import Interval, parse, split
from reprobox.errors import UsageError


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("lr=0.1,0.01", ("0.1", "0.01")),
        ("lr=choice(0.1, 0.01)", ("0.1", "0.01")),
        ("m=choice(a)", ("a",)),
        ("seed=range(5)", ("0", "1", "2", "3", "4")),
        ("seed=range(1,10,3)", ("1", "4", "7")),
        ("x=range(0,1,0.25)", ("0", "0.25", "0.50", "0.75")),
        ("x=range(3,0,-1)", ("3", "2", "1")),
        ("l=[1,2],[3]", ("[1,2]", "[3]")),
        ("d={a: 1, b: 2},{a: 3}", ("{a: 1, b: 2}", "{a: 3}")),
        ("s='a,b',c", ("'a,b'", "c")),
        ("+new=1,2", ("1", "2")),
    ],
)
def test_several_values(text: str, values: tuple[str, ...]) -> None:
    plan = parse([text])
    assert plan.axes[0].values == values
    assert plan.axes[0].key == text.partition("=")[0]


@pytest.mark.parametrize(
    "text", ["lr=0.1", "l=[1,2]", "d={a: 1, b: 2}", "s='a,b'", "~gone", "name=choices", "f=sin(1)"]
)
def test_one_value_stays_as_it_was(text: str) -> None:
    assert parse([text]).fixed == (text,)


def test_a_grid_has_every_combination_once() -> None:
    plan = parse(["a=1,2", "epochs=3", "b=x,y"])
    assert plan.size == 4
    assert list(plan.grid()) == [
        ("epochs=3", "a=1", "b=x"),
        ("epochs=3", "a=1", "b=y"),
        ("epochs=3", "a=2", "b=x"),
        ("epochs=3", "a=2", "b=y"),
    ]


def test_intervals() -> None:
    plan = parse(["lr=tag(log, interval(1e-4, 1e-1))", "n=interval(1,8)", "p=interval(0.0,1)"])
    assert [axis.interval for axis in plan.axes] == [
        Interval(low=1e-4, high=0.1, log=True),
        Interval(low=1, high=8, whole=True),
        Interval(low=0, high=1),
    ]
    assert plan.searched


@pytest.mark.parametrize(
    "text",
    [
        "a=range(0)(1)",
        "x=range(a)",
        "x=range(1,2,0)",
        "x=range(1e9)",
        "x=interval(2,1)",
        "x=tag(log,interval(0,1))",
        "x=glob(*)",
        "x=choice()",
    ],
)
def test_what_is_no_sweep_is_refused_or_one_value(text: str) -> None:
    if text == "a=range(0)(1)":
        assert parse([text]).fixed == (text,)
    else:
        with pytest.raises(UsageError):
            parse([text])


def test_too_many_trials_and_a_key_twice() -> None:
    with pytest.raises(UsageError, match="1,000,000"):
        parse(["a=range(1000)", "b=range(1000)"])
    with pytest.raises(UsageError, match="twice"):
        parse(["a=1,2", "a=3,4"])


def test_split_knows_brackets_and_quotes() -> None:
    assert split("a, [b, c], 'd, e', {f: [1, 2]}") == ["a", "[b, c]", "'d, e'", "{f: [1, 2]}"]
    assert split("") == []
