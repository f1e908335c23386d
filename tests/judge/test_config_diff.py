"""Two configs, key by key."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.judge import config_diff


def named(left: dict[str, Any], right: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one.what, one.ours, one.theirs) for one in config_diff.differ(left, right)]


def test_a_key_of_the_script_is_named_with_both_values() -> None:
    assert named({"lr": 0.1, "net": {"w": 1}}, {"lr": 0.1, "net": {"w": 2}}) == [
        ("config net.w", "1", "2")
    ]


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), ("1", 1), (None, 0)])
def test_values_of_other_types_differ(one: Any, other: Any) -> None:
    assert len(named({"x": one}, {"x": other})) == 1


def test_a_key_that_one_has_is_absent_in_the_other() -> None:
    assert named({"a": "x"}, {}) == [("config a", "'x'", "absent")]


def test_settings_that_have_a_cause_of_their_own_are_left_to_it() -> None:
    seed = [{"reprobox": {"seed": seed, "name": "a"}} for seed in (1, 2)]
    assert named(*seed) == []
    memory = [{"reprobox": {"memory": memory}} for memory in ("1g", "2g")]
    assert named(*memory) == [("config reprobox.memory", "'1g'", "'2g'")]


def test_many_keys_are_counted() -> None:
    found = named({str(n): 0 for n in range(20)}, {str(n): 1 for n in range(20)})
    assert found[-1][0] == "config: 12 other keys"
    assert len(found) == 9


def test_values_a_thousand_deep_end() -> None:
    left: dict[str, Any] = {}
    right: dict[str, Any] = {"x": 1}
    for _ in range(300):
        left, right = {"a": left}, {"a": right}
    assert len(named(left, right)) == 1


def test_the_same_values_in_another_order() -> None:
    assert config_diff.same_values({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not config_diff.same_values({"a": 1}, {"a": 2})
