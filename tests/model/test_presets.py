"""Presets: the first rule that matches a path counts."""

from __future__ import annotations

import pytest

from reprobox.model.presets import PRESETS, expand


def test_rules_follow_in_the_order_of_the_names() -> None:
    assert expand(["keras", "hydra"]) == (*PRESETS["keras"], *PRESETS["hydra"])
    assert expand([]) == ()


def test_an_unknown_preset() -> None:
    with pytest.raises(KeyError, match="keros"):
        expand(["keros"])


def test_no_general_rule_hides_a_narrower_one_after_it() -> None:
    """A rule for some values of a file must come before the rule for the whole file."""
    for rules in PRESETS.values():
        whole = [rule.pattern for rule in rules if "#" not in rule.pattern]
        for rule in rules:
            path, _, values = rule.pattern.partition("#")
            if values and path in whole:
                places = [one.pattern for one in rules]
                assert places.index(rule.pattern) < places.index(path)
