"""Conditions on values, as SQL."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from reprobox.store.run_expression import BadExpression, parse

ROW = {"accuracy": 0.9, "lr": 0.01, "opt": "adam", "absent": None}


def holds(text: str) -> bool:
    """Whether SQLite finds the row by the condition."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"CREATE TABLE runs ({', '.join(ROW)})")
        database.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", tuple(ROW.values()))
        found = parse(text, lambda name: name)
        sql = f"SELECT 1 FROM runs WHERE {found.sql}"
        return database.execute(sql, found.values).fetchone() is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy>0.8", True),
        ("accuracy >= 9e-1 and lr<0.1", True),
        ("accuracy<0.5 or lr==0.01", True),
        ("not (accuracy<0.5 or lr==0.01)", False),
        ("NOT accuracy<0.5 AND opt=adam", True),
        ("accuracy<0.5 and lr==0.01 or opt==adam", True),
        ("opt!='sgd'", True),
        ('opt=="adam w"', False),
        ("absent>0", False),
        ("absent<0", False),
        ("absent!=1", False),
    ],
)
def test_a_condition_holds_or_not(text: str, expected: bool) -> None:
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy>", "expected a value"),
        ("(accuracy>1", "a parenthesis is not closed"),
        ("accuracy>1 lr", "unexpected 'lr'"),
        ("> 1", "expected a name"),
        ("accuracy", "as in accuracy>0.9"),
        ("accuracy>'1", "cannot read"),
    ],
)
def test_what_is_not_a_condition(text: str, expected: str) -> None:
    with pytest.raises(BadExpression) as caught:
        parse(text, lambda name: name)
    assert expected in str(caught.value)
