"""What forges run: the steps of the composite action as they stand in action.yml, and the entry of
the pre-commit hook.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml
from flow_project import TOP, Project

pytestmark = pytest.mark.engine
ACTION = yaml.safe_load((TOP / "action.yml").read_text())
HOOKS = yaml.safe_load((TOP / ".pre-commit-hooks.yaml").read_text())


def given(step: dict, inputs: dict[str, str]) -> dict[str, str]:
    """The step's variables, with the inputs where a forge puts them."""
    made = {}
    for name, text in step.get("env", {}).items():
        for key, value in inputs.items():
            text = text.replace("${{ inputs." + key + " }}", value)
        assert "${{" not in text, text
        made[name] = text
    return made


def test_the_action_replays_what_a_bundle_brings(project: Project, tmp_path: Path) -> None:
    run = project.run()["id"]
    small = ("--with", "code,inputs,outputs")  # the environment is in the shared store
    assert project("export", run, "-o", str(tmp_path / "runs.rbx"), *small).code == 0
    there = tmp_path / "checkout"
    there.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=there, env=project.env, check=True)
    inputs = {key: str(one["default"]) for key, one in ACTION["inputs"].items()}
    inputs["bundle"] = str(tmp_path / "runs.rbx")
    installed = tmp_path / "installed"
    env = {
        **project.env,
        "PATH": f"{installed / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GITHUB_ACTION_PATH": str(TOP),
        # The libraries of this environment serve; only reprobox itself is built and installed.
        "PIP_TARGET": str(installed),
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PYTHONPATH": str(installed),
    }
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "bash"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=there,
            env={**env, **given(step, inputs)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
    suites = ET.parse(there / inputs["report"]).getroot()
    cases = list(suites.iter("testcase"))
    assert cases
    assert not list(suites.iter("failure"))
    assert (installed / "reprobox" / "cli" / "main.py").is_file()


def test_the_hook_passes_a_fresh_lock_and_refuses_a_stale_one(project: Project) -> None:
    [hook] = HOOKS
    words = shlex.split(hook["entry"])
    assert words[0] == "reprobox"
    assert hook["pass_filenames"] is False
    assert project(*words[1:]).code == 0
    config = (project.top / "config.yaml").read_text()
    project.write("config.yaml", config.replace('"3.11"', '"3.11"\n    apt: [less]'))
    said = project(*words[1:])
    assert said.code != 0
    assert "next: " in said.err
