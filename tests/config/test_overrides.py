"""`key=value` over a config: what is replaced, added, removed, and what type it has."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from config_text import BASE, faults, loaded, rewritten
from hypothesis import given, settings
from hypothesis import strategies as st

from reprobox.config.load import load
from reprobox.errors import ConfigError


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("lr=1e-3", "lr", 0.001),
        ("lr='1e-3'", "lr", "1e-3"),
        ('lr="5"', "lr", "5"),
        ("lr=yes", "lr", "yes"),
        ("lr=", "lr", ""),
        ("lr=null", "lr", None),
        ("lr=a=b: #c *d", "lr", "a=b: #c *d"),
        ("lr=[1, 'a', {b: 2}]", "lr", [1, "a", {"b": 2}]),
        ("+new.deep.key=true", "new", {"deep": {"key": True}}),
        ("++lr=2", "lr", 2),
        ("++other=2", "other", 2),
        ("model.layers.1=9", "model", {"width": 64, "layers": [1, 9, 3], "deep": {"x": 1}}),
        ("+model.layers.3=4", "model", {"width": 64, "layers": [1, 2, 3, 4], "deep": {"x": 1}}),
        ("~model.layers.0", "model", {"width": 64, "layers": [2, 3], "deep": {"x": 1}}),
        (
            "model={width: 8, deep: {x: 2}}",
            "model",
            {"width": 8, "layers": [1, 2, 3], "deep": {"x": 2}},
        ),
        ("~model.width=64", "model", {"layers": [1, 2, 3], "deep": {"x": 1}}),
        ("model=5", "model", 5),
        (r"+a\.b=1", "a.b", 1),
    ],
)
def test_overrides(override: str, key: str, value: Any) -> None:
    spec = loaded(BASE, override)
    assert spec.document[key] == value
    assert type(spec.document[key]) is type(value)
    assert spec.overrides == (override,)
    assert spec.text is not None
    assert yaml.safe_load(spec.text) == spec.document


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("lrr=1", "there is no lrr (did you mean 'lr'?); write +lrr=... to add it"),
        ("model.widht=1", "did you mean 'width'?"),
        ("+lr=1", "is there already"),
        ("~nothing", "there is no nothing"),
        ("~lr=0.2", "not removed"),
        ("lr", "has no value"),
        ("=1", "must look like"),
        ("a..b=1", "empty part"),
        ("lr.x=1", "has no keys"),
        ("model.layers.x=1", "is a list"),
        ("model.layers.7=1", "has 3 items"),
        ("+model.layers.7=1", "the next one is"),
        ("lr=1,2", 'for value in 1 2; do reprobox run CONFIG lr="$value"; done'),
        ("+x=a b,c", "for value in 'a b' c; do reprobox run CONFIG +x=\"$value\"; done"),
        ("model.width=1, 2", 'for a list: "model.width=[1, 2]"; for text: "model.width=\'1, 2\'"'),
        ("lr=[1,", "not YAML"),
        ("lr={x:1}", "space is missing"),
        ("model={wide: 1}", "there is no model.wide"),
        ("lr=1e999", "larger than any float"),
        ("lr=\udcff", "not UTF-8"),
        ("lr=!!int 3", ""),
    ],
)
def test_overrides_that_make_no_sense(override: str, words: str) -> None:
    if not words:
        assert loaded(BASE, override).document["lr"] == "!!int 3"
        return
    (fault,) = faults(BASE, override)
    assert words in fault


def test_settings_of_reprobox_need_no_plus_and_leave_the_script_its_file() -> None:
    spec = loaded(BASE, "reprobox.seed=3", "reprobox.environment.python=3.10", "reprobox.env.FOO=1")
    assert (spec.seed, spec.environment.python, spec.env) == (3, "3.10", {"FOO": "1"})
    assert spec.text is None
    assert spec.document["reprobox"]["environment"]["python"] == "3.10"
    spec = loaded(
        BASE, "reprobox.seed=3", "reprobox.environment.python=3.10", "reprobox.env.FOO=1", "lr=2"
    )
    again = load((spec.text or "").encode(), config_path="conf/config.yaml", overrides=())
    assert again.environment == spec.environment
    assert again.env == spec.env


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("abr=+~.[]{}'\"\\:,0 1e-\n", max_size=20) | st.text(max_size=10), max_size=3)
)
def test_any_overrides_are_applied_or_refused(overrides: list[str]) -> None:
    try:
        spec = loaded(BASE, *overrides)
    except ConfigError:
        return
    assert spec.text is None or yaml.safe_load(spec.text) == spec.document


TYPED = ["67217e15", "1e999", "0042", "1e5", "1_000", "0o17", "0x1F", "yes", "null", "~", "true"]


TYPED += [".nan", "-.inf", "2026-01-01", "12:30:45", "3", "1.50", "9" * 1001, "abc", "é"]


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("old", ["abc", "'0042'", '"1e5"', "a b"])
def test_a_key_that_holds_text_keeps_the_text_that_was_typed(old: str, typed: str) -> None:
    text = BASE + f"rev: {old}\nlist: [x]\nmore: {{rev: {old}}}\n".encode()
    overrides = [f"rev={typed}", f"list.0={typed}", f"more.rev={typed}"]
    spec = loaded(text, *overrides)
    again = yaml.safe_load(spec.text or "")
    for document in (spec.document, again):
        assert [document["rev"], document["list"][0], document["more"]["rev"]] == [typed] * 3
    if typed not in ("1e999", "9" * 1001):
        assert loaded(text, f"more={{rev: {typed}}}").document["more"]["rev"] == typed


def test_a_type_is_changed_by_two_plus_signs_or_a_list() -> None:
    text = BASE + b"rev: abc\n"
    assert loaded(text, "++rev=3").document["rev"] == 3
    assert loaded(text, "++rev=null").document["rev"] is None
    assert loaded(text, "rev=[1]").document["rev"] == [1]
    (fault,) = faults(text, "++rev=1e999")
    assert "is larger than any float" in fault
    assert fault.endswith("for text: \"++rev='1e999'\"")
    assert loaded(text, "++rev='1e999'").document["rev"] == "1e999"


def test_words_on_which_the_versions_disagree_keep_their_types() -> None:
    text = BASE + b"debug: no\nn: 1_000\n"
    found = yaml.safe_load(rewritten(text, "debug=false", "n=2000"))
    assert (found["debug"], found["n"]) == (False, 2000)


def test_a_hash_that_only_yaml_1_2_takes_for_a_number_stays_text_to_pyyaml() -> None:
    text = BASE + b"rev: 67217e15\n"
    assert yaml.safe_load(text)["rev"] == "67217e15"
    assert yaml.safe_load(rewritten(text, "rev=123e4"))["rev"] == "123e4"
    assert loaded(text, "rev=123e4").document["rev"] == 1230000.0


def test_a_setting_that_is_text_in_the_file_can_be_made_absent() -> None:
    text = BASE + b"  gpus: all\n  timeout: 2h\n  name: x\n"
    spec = loaded(text, "reprobox.gpus=null", "reprobox.timeout=90", "reprobox.name=0042")
    assert (spec.gpus, spec.resources.timeout, spec.name) == (None, 90, "0042")


def test_text_is_removed_by_the_text_that_was_typed() -> None:
    text = BASE + b"rev: '0042'\n"
    assert "rev" not in loaded(text, "~rev=0042").document
    assert "is not removed" in faults(text, "~rev=42")[0]


def test_a_filter_takes_text_that_is_no_number() -> None:
    from reprobox.config.overrides import pair

    assert pair("rev=1e999") == (("rev",), "1e999", "1e999")
