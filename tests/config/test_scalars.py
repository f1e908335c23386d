"""Plain scalars of YAML 1.2, and how one is written so that 1.1 reads the same."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from config_text import parsed
from hypothesis import given, settings
from hypothesis import strategies as st

from reprobox.config.scalars import resolve, spelled


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            (word, word)
            for word in (
                "yes",
                "no",
                "on",
                "off",
                "Yes",
                "y",
                "n",
                "1:30",
                "2026-01-01",
                "1_000",
                "0b1",
                "tRue",
                "=",
                "1e",
                ".",
            )
        ],
        *[
            ("true", True),
            ("True", True),
            ("FALSE", False),
            ("null", None),
            ("~", None),
            ("", None),
        ],
        *[("017", 17), ("0o17", 15), ("0x1F", 31), ("-5", -5), ("+5", 5), ("00", 0)],
        *[("1e-3", 0.001), ("1E5", 1e5), (".5", 0.5), ("5.", 5.0), ("-.5e1", -5.0), ("1.0", 1.0)],
        *[(".inf", math.inf), ("-.INF", -math.inf)],
        *[("'5'", "5"), ('"true"', "true"), ("'null'", "null")],
    ],
)
def test_scalars(text: str, value: object) -> None:
    found = parsed(f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_one() -> None:
    assert math.isnan(parsed("a: .nan")["a"])


@settings(max_examples=300, deadline=None)
@given(st.floats() | st.integers() | st.booleans() | st.none())
def test_a_scalar_is_spelled_as_both_versions_read_it(value: Any) -> None:
    assert repr(resolve(spelled(value))) == repr(value)
    assert repr(yaml.safe_load(spelled(value))) == repr(value)
