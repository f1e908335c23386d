"""Rules that are given after a run, as text or in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.config.rule_text import given
from reprobox.errors import ConfigError, UsageError
from reprobox.model.presets import PRESETS
from reprobox.model.spec import OutputRule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("*.log: ignore", OutputRule(pattern="*.log", compare="ignore")),
        (
            "m.json#$.a[*].b: ignore",
            OutputRule(pattern="m.json#$.a[*].b", compare="ignore"),
        ),
        ("m.json: rtol=1e-6", OutputRule(pattern="m.json", compare="content", rtol=1e-6)),
        (
            "m.json: ulp=2 atol=0.5",
            OutputRule(pattern="m.json", compare="content", ulp=2, atol=0.5),
        ),
        ("w.pt: {compare: tensors, ulp: 1}", OutputRule(pattern="w.pt", compare="tensors", ulp=1)),
    ],
)
def test_a_rule_in_one_line(text: str, rule: OutputRule) -> None:
    assert given([text], []) == (rule,)


@pytest.mark.parametrize("text", ["", "m.json", ": ignore", "m.json:"])
def test_what_is_not_a_rule(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        given([text], [])
    assert "--rule" in refused.value.next_step


def test_a_word_that_is_no_comparison() -> None:
    with pytest.raises(ConfigError):
        given(["m.json: sometimes"], [])


def test_a_file_with_rules_alone_or_with_sections(tmp_path: Path) -> None:
    alone, sections = tmp_path / "a.yaml", tmp_path / "b.yaml"
    alone.write_text("'*.log': ignore\n")
    sections.write_text("outputs: {'*.log': ignore}\nrules: [hydra]\n")
    rule = OutputRule(pattern="*.log", compare="ignore")
    assert given([], [str(alone)]) == (rule,)
    assert given([], [str(sections)]) == (rule, *PRESETS["hydra"])


def test_names_of_presets_instead_of_a_file() -> None:
    assert given([], ["hydra, mlflow"]) == (*PRESETS["hydra"], *PRESETS["mlflow"])


def test_a_file_that_is_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the rules"):
        given([], [str(tmp_path / "absent.yaml")])
    (tmp_path / "empty.yaml").write_text("{}\n")
    with pytest.raises(ConfigError, match="no rule"):
        given([], [str(tmp_path / "empty.yaml")])
