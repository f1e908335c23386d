"""Configs that are written again: both versions of YAML read the same, and nothing else changes."""

from __future__ import annotations

import datetime
from typing import Any

import yaml
from config_text import BASE, loaded, parsed, rewritten
from hypothesis import event, given, settings
from hypothesis import strategies as st

from reprobox.config.emit import dump
from reprobox.config.load import load
from reprobox.errors import ConfigError

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


def test_values_on_which_readers_disagree_are_written_again_as_the_file_has_them() -> None:
    text = (
        BASE + b"debug: no\nwhen: 2026-01-01\nrate: 1e-3\nmode: 0o17\nat: 12:30:45\nnone: ~\nten: "
        b"'1e1'\nyes: 1\n"
    )
    assert loaded(text).document["debug"] == "no"
    assert loaded(text, "reprobox.seed=1").text is None
    before, after = yaml.safe_load(text), yaml.safe_load(rewritten(text, "lr=1e-4"))
    assert (before.pop("lr"), after.pop("lr")) == (0.1, 0.0001)
    assert repr(after) == repr(before)
    assert (after["debug"], after["rate"], after[True]) == (False, "1e-3", 1)


def test_what_an_override_gives_is_one_value_to_both_versions() -> None:
    found = yaml.safe_load(
        rewritten(BASE, "lr=1e-3", "epochs=yes", "model.layers=[1e-3, 017, 2026-01-01, '5']")
    )
    assert (found["lr"], found["epochs"]) == (0.001, "yes")
    assert found["model"]["layers"] == [0.001, 17, "2026-01-01", "5"]


def test_a_word_over_a_word_of_the_same_type_is_what_an_editor_would_have_made_of_it() -> None:
    text = BASE + b"debug: yes\nwhen: 2026-01-01\nquoted: 'yes'\nmore: {deep: on}\n"
    found = yaml.safe_load(
        rewritten(text, "debug=no", "when=2027-02-03", "quoted=no", "more={deep: off}")
    )
    assert found["debug"] is False
    assert found["when"] == datetime.date(2027, 2, 3)
    assert found["quoted"] == "no"
    assert found["more"] == {"deep": False}
    assert yaml.safe_load(rewritten(text, "debug='no'"))["debug"] == "no"


def test_what_is_written_travels_through_aliases_merges_and_lists_whose_items_move() -> None:
    text = BASE + b"base: &b {a: 1e-3, l: [1, yes, 017]}\nother: {<<: *b, c: 1}\nagain: *b\n"
    before, after = yaml.safe_load(text), yaml.safe_load(rewritten(text, "~again.l.0", "base.a=2"))
    assert after["other"] == before["other"]
    assert after["again"] == {"a": "1e-3", "l": [True, 15]}
    assert after["base"] == {"a": 2, "l": [1, True, 15]}


_WORDS = (
    "yes",
    "No",
    "ON",
    "off",
    "y",
    "true",
    "~",
    "null",
    "",
    "1e-3",
    "-.5",
    "5.",
    "017",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "12:30:45",
)


_MORE = (
    "1:30.5",
    "2026-01-01",
    "2026-01-01 10:00:00",
    "+5",
    "00",
    "1.50",
    ".inf",
    ".NaN",
    "9" * 40,
    "1e400x",
    "word",
    "a b",
    "é",
    "<",
    "-",
)


_ATOMS = st.sampled_from((*_WORDS, *_MORE[:-1])) | st.from_regex(
    r"[-+]?[0-9._:eExob]{1,9}", fullmatch=True
)


_QUOTED = (
    _ATOMS.map("'{}'".format)
    | _ATOMS.map('"{}"'.format)
    | st.sampled_from(('"a\\nb"', '"\\u2028"', "'# x'", "': '"))
)


_VALUES = st.recursive(
    _ATOMS | _QUOTED,
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_VALUES, min_size=1, max_size=5), _ATOMS, _ATOMS)
def test_no_reader_sees_a_change_where_nothing_was_overridden(
    values: list[str], key: str, new: str
) -> None:
    lines = [f"k{number}: {value}" for number, value in enumerate(values)]
    text = "\n".join([*lines, f"{key or 'x'}: 1", "changed: 1", ""]).encode() + BASE
    try:
        before = yaml.safe_load(text)
        again = rewritten(text, f"changed={new}")
    except (ConfigError, yaml.YAMLError, ValueError):
        event("refused")
        return
    for reader in (
        yaml.safe_load,
        lambda data: load(data, config_path="c.yaml", overrides=()).document,
    ):
        before, after = reader(text), reader(again.encode())
        assert before.pop("changed") == 1
        after.pop("changed")
        assert repr(after) == repr(before)
    assert repr(yaml.safe_load(again)["changed"]) == repr(
        loaded(text, f"changed={new}").document["changed"]
    )
