"""A reviewers' package by the real command, and its own scripts run as a reviewer would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from crate_validator import complaints
from flow_project import CONFIG, TRAIN, Project

pytestmark = pytest.mark.engine
SMALL = ("--with", "code,inputs,outputs")
"""The environment is in the store that all projects of a user share."""


def test_a_package_is_whole_and_its_smoke_run_replays(
    project: Project, change: Callable[[str, str], str], tmp_path: Path
) -> None:
    claim = '  claims: {the sum: "results/metrics.json#$.sum = 18"}\n'
    change("config.yaml", CONFIG + claim)
    run = project.run("--name", "ours")["id"]
    assert project("replay", run).code == 0
    target = tmp_path / "artifact"
    said = project(
        "artifact", "ours", "-o", str(target), "--license", "Apache-2.0", "--json", *SMALL
    )
    assert said.code == 0, said.err
    assert said.json["notes"] == []
    assert all((target / name).is_file() for name in said.json["files"])
    found = yaml.safe_load((target / "codecheck.yml").read_text())
    assert all((target / one["file"]).is_file() for one in found["manifest"])
    assert "**identical**" in (target / found["report"]).read_text()
    assert "| the sum: results/metrics.json#$.sum = 18 | ours | holds |" in (
        (target / "appendix.md").read_text()
    )
    assert complaints(target / "runs" / run) == ""

    tool = tmp_path / "bin" / "reprobox"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m reprobox.cli.main "$@"\n')
    tool.chmod(0o755)
    env = {**project.env, "PATH": f"{tool.parent}:{project.env['PATH']}"}
    done = subprocess.run(
        ["sh", str(target / "smoke.sh")], env=env, cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"identical" in done.stdout
    again = project("artifact", "ours", "-o", str(target))
    assert again.code == 2
    assert "is there already" in again.err


def test_a_budget_of_steps_needs_a_trail(project: Project) -> None:
    run = project.run()["id"]
    said = project("replay", run, "--budget-steps", "2", "--json")
    assert (said.code, said.json["result"]) == (60, "not-checked")
    assert said.json["why"].startswith("the run has no trail to compare with")
    assert project.runs() == [run]


def test_an_anonymous_export_names_nobody_and_replays(
    project: Project, change: Callable[[str, str], str], tmp_path: Path
) -> None:
    change("train.py", TRAIN + "# written by A Researcher\n")
    run = project.run()["id"]
    assert project("note", run, "as in the paper").code == 0
    before = json.loads(project("show", run, "--json").out)["record"]["intent"]
    refs = project.git("for-each-ref")
    said = project("export", run, "-o", str(tmp_path / "b.rbx"), "--anonymous", *SMALL)
    assert said.code == 0, said.err
    assert f"run {run}: code: train.py still holds 'A Researcher'" in said.err

    assert project.git("for-each-ref") == refs

    (tmp_path / "there").mkdir()
    there = Project(tmp_path / "there", project.env)
    assert there("import", str(tmp_path / "b.rbx")).code == 0
    arrived = there.top / ".reprobox" / "runs" / run
    texts = b"".join(path.read_bytes() for path in arrived.rglob("*") if path.is_file())
    texts += (there.top / ".reprobox" / "annotations.log").read_bytes()
    assert b"as in the paper" in texts
    told = [before["source"]["author"], str(project.top), "a@example", before["host"]["machine"]]
    assert "git restore" not in said.err
    told.append(f"{before['host']['user']}@{before['host']['name']}")
    assert [one for one in told if one.encode() in texts] == []
    after = json.loads((arrived / "record.json").read_text())["intent"]
    assert (after["host"], after["command"]) == ({}, [])
    log = there.git("log", "--all", "--format=%an %ae")
    assert set(log.splitlines()) == {"Anonymous anonymous@example.invalid"}
    replayed = there("replay", run, "--json")
    assert (replayed.code, replayed.json["result"]) == (0, "identical"), replayed.err
    assert there("fsck").code == 0
    assert project("show", run, "--json").json["record"]["intent"] == before
