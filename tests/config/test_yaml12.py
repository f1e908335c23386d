"""Reading YAML by version 1.2, and writing it so that both versions read the same."""

from __future__ import annotations

import pytest
from config_text import parsed
from hypothesis import given, settings
from hypothesis import strategies as st

from reprobox.config.problems import Problems
from reprobox.config.yaml12 import read
from reprobox.errors import ConfigError


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
