"""Which rule a file has, and what the rules say of the values in it."""

from __future__ import annotations

import pytest

from reprobox.config import rule_text
from reprobox.errors import ConfigError, UsageError
from reprobox.judge import rules
from reprobox.model.presets import PRESETS, expand
from reprobox.model.spec import OutputRule


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.log: ignore", OutputRule(pattern="a.log", compare="ignore")),
        ("*.pt: {compare: tensors, ulp: 2}", OutputRule(pattern="*.pt", compare="tensors", ulp=2)),
        (
            "trainer_state.json#$.log_history[*].train_runtime: ignore",
            OutputRule(pattern="trainer_state.json#$.log_history[*].train_runtime", compare="ignore"),
        ),
        ('x.json#$["a: b"]: content', OutputRule(pattern='x.json#$["a: b"]', compare="content")),
        ("m.csv#loss: rtol=1e-6", OutputRule(pattern="m.csv#loss", compare="content", rtol=1e-6)),
        ("m.csv: atol=1, ulp=3", OutputRule(pattern="m.csv", compare="content", atol=1.0, ulp=3)),
        ("log.txt:except-times", OutputRule(pattern="log.txt", compare="except-times")),
    ],
)  # fmt: skip
def test_a_rule_on_the_command_line(text: str, expected: OutputRule) -> None:
    assert rule_text.given([text], ()) == (expected,)


@pytest.mark.parametrize("text", ["a.log", "a.log ignore", ": ignore", ""])
def test_what_is_not_a_rule_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="is not a rule") as refused:
        rule_text.given([text], ())
    assert "--rule '" in refused.value.next_step


@pytest.mark.parametrize("text", ["a: perhaps", "a: {compare: bytes, ulp: 2}", "a: {compar: b}"])
def test_a_rule_that_says_what_no_rule_can_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        rule_text.given([text], ())


def test_rules_of_files_and_presets(tmp_path) -> None:  # type: ignore[no-untyped-def]
    plain, whole = tmp_path / "plain.yaml", tmp_path / "whole.yaml"
    plain.write_text('a.log: ignore\n"b.json#$.t": ignore\n')
    whole.write_text("rules: [hydra]\noutputs: {a.log: ignore}\n")
    assert [rule.pattern for rule in rule_text.given((), [str(plain)])] == ["a.log", "b.json#$.t"]
    found = rule_text.given(["z: bytes"], [str(whole), "tensorboard,sacred"])
    assert found[:2] == (
        OutputRule(pattern="z"),
        OutputRule(pattern="a.log", compare="ignore"),
    )
    assert found[2:] == expand(["hydra", "tensorboard", "sacred"])
    with pytest.raises(UsageError, match="cannot read the rules"):
        rule_text.given((), ["tensorbored"])


def test_rules_for_values_make_the_file_count_by_content() -> None:
    given = (
        OutputRule(pattern="state.json#$.log[*].runtime", compare="ignore"),
        OutputRule(pattern="*.json#$.loss", compare="content", rtol=0.5),
        OutputRule(pattern="*.json#$.name", compare="bytes"),
        OutputRule(pattern="model.bin", compare="tensors"),
    )
    assert rules.rule_for("out/state.json", given).compare == "content"
    assert rules.rule_for("model.bin", given) == given[3]
    assert rules.rule_for("other.txt", given).compare == "bytes"
    assert rules.treatments("out/state.json", given) == [
        {"pattern": "$.log[*].runtime", "compare": "ignore"},
        {"pattern": "$.loss", "compare": "tolerance", "ulp": 0, "atol": 0.0, "rtol": 0.5},
        {"pattern": "$.name", "compare": "exact"},
    ]
    assert rules.treatments("model.bin", given) == []


def test_the_name_of_a_file_may_hold_the_sign() -> None:
    given = (OutputRule(pattern="a#b.txt", compare="ignore"),)
    assert rules.rule_for("a#b.txt", given).compare == "ignore"


def test_presets_are_those_that_are_named_everywhere() -> None:
    assert list(PRESETS) == [
        "tensorboard", "mlflow", "wandb", "sacred", "lightning", "hydra", "transformers",
        "catboost", "keras", "stable-baselines3", "orbax", "metaflow",
    ]  # fmt: skip
    path = "logs/events.out.tfevents.1795269130.box.6.0"
    assert rules.rule_for(path, expand(["tensorboard"])).compare == "content"
    assert rules.rule_for("outputs/2026-11-27/18-00-00/.hydra/config.yaml", expand(["hydra"])) == (
        OutputRule(pattern="**/.hydra/*", compare="except-times")
    )
