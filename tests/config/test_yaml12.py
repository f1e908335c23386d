"""Reading YAML by version 1.2, and writing it so that both versions read the same."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reprobox.config.emit import dump
from reprobox.config.problems import Problems
from reprobox.config.scalars import resolve, spelled
from reprobox.config.written import plain
from reprobox.config.yaml12 import read
from reprobox.errors import ConfigError


def parsed(text: str | bytes) -> Any:
    problems = Problems(where="c.yaml")
    document = read(text.encode() if isinstance(text, str) else text, problems)
    problems.throw()
    return plain(document.value)


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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is here a second time; it was first in line 1"),
        ("a: {x: 1, 'x': 2}", "second time"),
        ("1: a\n'1': b\n", "second time"),
        ("a: !!python/object/apply:os.system [id]\n", "line 1: the tag"),
        ("a: !!int '3'\n", "tag"),
        ("a: ! x\n", "tag"),
        ("%TAG ! tag:x,2026:\n---\na: 1\n", "directives"),
        ("- a\n", "must be a mapping"),
        ("just text\n", "must be a mapping"),
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("a: [1, 2\nb: 3\n", "line 2"),
        ("a: 'x\n", "is not YAML"),
        ("a:\n\t- 1\n", "is not YAML"),
        (b"a: 1\nb: \xff\n", "line 2"),
        ("a: *b\n", "stands for nothing"),
        ("a: &a [*a]\n", "stands for nothing"),
        ("true: 1\n", "a key must be"),
        ("? [1]\n: 1\n", "a key must be"),
        ("a: 1e999\n", "larger than any float"),
        ("a: " + "9" * 5000, "number of 5000"),
        ("a: " + "[" * 100 + "]" * 100, "deep"),
        ("a: '" + "x" * (1 << 20) + "'", "larger than 1 MiB"),
        ("<<: 5\n", "merges mappings only"),
    ],
)
def test_what_is_refused(text: str | bytes, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    assert words in str(caught.value)


def test_an_alias_bomb_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match="aliases expanded"):
        parsed("\n".join(lines))


def test_aliases_that_nest_are_refused_as_deep() -> None:
    text = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 2000))
    with pytest.raises(ConfigError, match="deep, aliases expanded"):
        parsed(text)


def test_aliases_are_values_and_merges_do_not_override() -> None:
    value = parsed(
        "base: &b {x: 1, y: 2}\nother: {<<: *b, y: 3}\nmany: {<<: [{x: 5}, *b], z: 1}\nagain: *b\n"
    )
    assert value["other"] == {"x": 1, "y": 3}
    assert value["many"] == {"x": 5, "y": 2, "z": 1}
    value["again"]["x"] = 9
    assert value["base"]["x"] == 1


keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.integers()
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.sampled_from(
        [
            "1e-3",
            "yes",
            "017",
            "1:30",
            "2026-01-01",
            "null",
            "~",
            "<<",
            "=",
            "0o17",
            "- x",
            "a: b",
            "#x",
            " x",
            "x ",
            "\n",
            "&a",
            "!x",
        ]
    )
    | st.from_regex(r"[-+]?[0-9._:eExob]{1,8}", fullmatch=True)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(keys, values, max_size=6))
def test_both_versions_read_back_what_is_written(document: dict[Any, Any]) -> None:
    data = dump(document)
    theirs = yaml.safe_load(data)
    assert theirs == document
    assert repr(theirs) == repr(document)
    if (
        document
        and len({str(key) for key in document}) == len(document)
        and _text_keys_apart(document)
    ):
        assert repr(parsed(data)) == repr(document)


def _text_keys_apart(value: Any) -> bool:
    """Whether no mapping has both 1 and '1' as keys, which a config must not."""
    if isinstance(value, list):
        return all(map(_text_keys_apart, value))
    if isinstance(value, dict):
        return len({str(key) for key in value}) == len(value) and all(
            map(_text_keys_apart, value.values())
        )
    return True


@settings(max_examples=300, deadline=None)
@given(st.floats() | st.integers() | st.booleans() | st.none())
def test_a_scalar_is_spelled_as_both_versions_read_it(value: Any) -> None:
    assert repr(resolve(spelled(value))) == repr(value)
    assert repr(yaml.safe_load(spelled(value))) == repr(value)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200) | st.text("ab:-[]{}&*!|>'\"%#?,\n \t01<~.", max_size=60).map(str.encode)
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    problems = Problems(where="c.yaml")
    try:
        value = read(data, problems).value
    except ConfigError:
        return
    assert isinstance(value, dict)
