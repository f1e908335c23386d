"""A rule about values of a file counts in every command that compares: recorded or given."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flow_project import CONFIG, Project

pytestmark = pytest.mark.engine

TIMED = """\
import json, os
drawn = os.urandom(8).hex()
json.dump({"loss": 0.5, "log": [{"took": drawn, "step": 1}]}, open("metrics.json", "w"))
"""
RULE = "metrics.json#$.log[*].took: ignore"
RECORDED = f'  outputs: {{"{RULE.partition(": ")[0]}": ignore, "metrics.json": content}}\n'


def test_a_rule_about_values_counts_in_every_command(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", TIMED)
    bare = project.run()["id"]
    other = project.run()["id"]
    for words in (("diff", bare, other), ("judge", bare, other)):
        assert project(*words).code == 1, words
        said = project(*words, "--rule", RULE, "--json")
        assert (said.code, said.json["result"]) == (0, "equal-under-rule"), words
    said = project("replay", bare, "--rule", RULE, "--json")
    assert (said.code, said.json["result"]) == (0, "equal-under-rule")

    change("config.yaml", CONFIG + RECORDED)
    recorded = project.run("--name", "ruled")["id"]
    said = project("verify-all", "--name", "ruled", "--format", "json")
    assert said.code == 0, said.out + said.err
    assert "equal-under-rule" in said.out
    said = project("check", "config.yaml", "--json")
    assert (said.code, said.json["result"]) == (0, "equal-under-rule"), said.err
    assert project("diff", recorded, bare, "--json").json["result"] == "equal-under-rule"
