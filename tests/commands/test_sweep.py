"""Sweeps on the real engine: one commit, every trial once, whatever happens to the supervisor."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from flow_project import Project

PROGRAM = """\
import json, os, sys, time
text = dict(line.strip().split(": ") for line in open(sys.argv[1]) if line[0] in "sl")
os.makedirs("results", exist_ok=True)
scale, seed = int(text["scale"]), int(text["seed"])
time.sleep(float(text.get("lasts", "0")))
json.dump({"accuracy": scale / 10 + seed / 1000}, open("results/metrics.json", "w"))
"""


@pytest.fixture
def swept(project: Project) -> Project:
    project.write("train.py", PROGRAM)
    text = (project.top / "config.yaml").read_text()
    project.write("config.yaml", f"seed: 0\nlasts: 0\n{text}")
    project.commit("sweep")
    return project


def status(project: Project, *words: str) -> Any:
    return project("sweep", "status", "latest", "--json", *words).json


def test_the_best_of_six_from_a_cold_start_with_a_file_edited_meanwhile(swept: Project) -> None:
    words = ["sweep", "config.yaml", "scale=1,2,3", "seed=range(2)", "lasts=1", "-j", "3"]
    sweeping = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", *words, "--maximize", "accuracy"],
        cwd=swept.top,
        env=swept.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list((swept.top / ".reprobox/sweeps").glob("*/trials/*.json")):
        assert sweeping.poll() is None, sweeping.communicate()
        time.sleep(0.05)
    swept.write("train.py", "raise SystemExit('edited')\n")
    out, err = sweeping.communicate()
    assert sweeping.returncode == 0, err
    found = status(swept, "--maximize", "accuracy")
    assert [trial["exit_code"] for trial in found["trials"]] == [0] * 6
    values = [trial["metrics"]["accuracy"] for trial in found["trials"]]
    assert values == [0.1, 0.101, 0.2, 0.201, 0.3, 0.301]
    assert {json.loads(text)["commit"] for text in rows(swept)} == {swept.git("rev-parse", "HEAD")}
    assert found["groups"][0]["values"] == "scale=3"
    assert found["sentence"].startswith("scale=3 beats scale=2: accuracy differs by 0.1")
    assert "scale=3 beats scale=2" in out
    best = found["trials"][5]["run"]
    assert "[6/6]" in err
    assert f"best: {best}  scale=3 seed=1  accuracy 0.301; next: reprobox show {best}" in err
    for path in (swept.top / ".reprobox").glob("index.sqlite*"):
        path.unlink()
    listed = swept("ls", "--columns", "scale,accuracy", "--sort", "-accuracy", "--json").json
    assert listed[0]["id"] == best
    assert listed[0]["values"] == {"scale": 3, "accuracy": 0.301}


def rows(project: Project) -> list[str]:
    return [json.dumps(row) for row in project("ls", "--json", "-n", "0").json]


def test_a_supervisor_killed_at_random_loses_and_doubles_nothing(swept: Project) -> None:
    draw = random.Random(5)
    words = ["sweep", "config.yaml", "scale=range(3)", "seed=range(2)", "-j", "2"]
    for attempt in range(40):
        process = subprocess.Popen(
            [sys.executable, "-m", "reprobox.cli.main", *words],
            cwd=swept.top,
            env=swept.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=draw.uniform(0.5, 6.0) if attempt < 4 else 300)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            if list((swept.top / ".reprobox").glob("sweeps/*/sweep.json")):
                words = ["sweep", "resume", "latest", "-j", "2"]
            continue
        assert process.returncode == 0
        break
    found = status(swept)
    assert found["done"] == found["total"] == 6
    runs = [trial["run"] for trial in found["trials"]]
    assert sorted(runs) == sorted(swept.runs())
    points = [tuple(trial["overrides"]) for trial in found["trials"]]
    assert len(set(points)) == 6


def test_a_sweep_that_is_wrong_leaves_nothing(swept: Project) -> None:
    for words, expected in (
        (["nothing=1,2"], "there is no nothing"),
        (["scale=interval(1,2)"], "a search must choose"),
        (["scale=range(1,2,0)"], "never ends"),
    ):
        said = swept("sweep", "config.yaml", *words)
        assert said.code != 0
        assert expected in said.err
    swept.write("train.py", "changed")
    assert swept("sweep", "config.yaml", "scale=1,2").code == 11
    assert not (swept.top / ".reprobox/sweeps").exists()


def test_stop_and_resume(swept: Project) -> None:
    words = [sys.executable, "-m", "reprobox.cli.main", "sweep", "config.yaml"]
    process = subprocess.Popen(
        [*words, "seed=range(3)", "lasts=60"],
        cwd=swept.top,
        env=swept.env,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while not [row for row in rows(swept) if '"running"' in row]:
        assert process.poll() is None
        time.sleep(0.2)
    assert swept("sweep", "resume").code == 54
    stopped = swept("sweep", "stop", "--json").json["stopped"]
    assert len(stopped) == 1
    assert process.wait(timeout=120) == 0
    assert status(swept)["done"] == 1
