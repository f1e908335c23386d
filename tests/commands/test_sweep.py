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


def begun(swept: Project, *words: str) -> subprocess.Popen[str]:
    """A sweep that goes on; its first trial is submitted."""
    sweeping = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", *words],
        cwd=swept.top,
        env=swept.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list((swept.top / ".reprobox/sweeps").glob("*/trials/*.json")):
        assert sweeping.poll() is None, sweeping.communicate()
        time.sleep(0.05)
    return sweeping


def test_the_best_of_six_from_a_cold_start_with_a_file_edited_meanwhile(swept: Project) -> None:
    words = ["sweep", "config.yaml", "scale=1,2,3", "seed=range(2)", "lasts=1", "-j", "3"]
    sweeping = begun(swept, *words, "--maximize", "accuracy")
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


def test_a_snapshot_is_one_commit_for_all_trials_and_ends_with_the_sweep(swept: Project) -> None:
    head = swept.git("rev-parse", "HEAD")
    swept.write("train.py", PROGRAM.replace("scale / 10", "scale * 100"))
    swept.write("new.txt", "not tracked")
    before = swept.git("status", "--porcelain")
    words = ["sweep", "config.yaml", "--snapshot", "scale=1,2"]
    sweeping = begun(swept, *words)
    swept.write("new.txt", "edited meanwhile")
    swept.write("later.txt", "made meanwhile")
    _, err = sweeping.communicate(timeout=300)
    assert sweeping.returncode == 0, err
    found = status(swept)
    assert [trial["metrics"]["accuracy"] for trial in found["trials"]] == [100, 200]
    (commit,) = {row["commit"] for row in swept("ls", "--json").json}
    assert (found["commit"], found["snapshot"]) == (commit, True)
    assert commit != head
    assert "(snapshot of the work tree)" in err
    assert swept.git("show", f"{commit}:new.txt") == "not tracked"
    assert swept.git("rev-parse", f"{commit}^") == head
    # HEAD and the index are as they were; every run keeps the commit, and the sweep no longer does.
    assert swept.git("rev-parse", "HEAD") == head
    assert swept.git("status", "--porcelain").splitlines() == [
        *before.splitlines()[:1],
        "?? later.txt",
        *before.splitlines()[1:],
    ]
    refs = swept.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/reprobox").split()
    assert sorted(refs) == sorted(swept.runs())
    shown = swept("show", found["trials"][0]["run"])
    assert "snapshot of a work tree that was not clean" in shown.out
    assert not list((swept.top / ".reprobox/tmp").glob("pending-*"))


def test_the_commit_of_a_snapshot_outlives_the_process_that_took_it(swept: Project) -> None:
    """Killed between the sweep's first file and its first trial."""
    swept.write("train.py", PROGRAM + "# changed\n")
    program = """
import os, sys
from pathlib import Path
from reprobox.cli.messages import Talk
from reprobox.commands import sweep
from reprobox.commands.shared.code_choice import Choice
from reprobox.context import Context
from reprobox.store.sweeps import Sweeps
begin = Sweeps.begin
def die(self, what):
    begin(self, what)
    os._exit(9)
Sweeps.begin = die
context = Context(start=Path(), progress=Talk(quiet=True))
sweep.begin(context, Path("config.yaml"), ["scale=1,2"], choice=Choice(snapshot=True))
"""
    died = subprocess.run([sys.executable, "-c", program], cwd=swept.top, env=swept.env)
    assert died.returncode == 9
    found = status(swept)
    assert (found["done"], found["snapshot"]) == (0, True)
    assert swept("ls").code == 0
    kept = swept.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/reprobox").split()
    assert kept == [found["commit"], f"refs/reprobox/{found['id']}"]
    assert not list((swept.top / ".reprobox/tmp").glob("pending-*"))


def test_a_snapshot_for_a_sweep_that_cannot_begin_leaves_nothing(swept: Project) -> None:
    swept.write("train.py", "changed")
    both = swept("sweep", "config.yaml", "scale=1,2", "--snapshot", "--commit", "HEAD")
    assert (both.code, "exclude each other" in both.err) == (2, True)
    lock = next(swept.top.glob("*.lock")).name
    swept.git("rm", "-q", "--cached", lock)
    swept.write(".gitignore", f"{lock}\n.reprobox\n")
    ignored = swept("sweep", "config.yaml", "scale=1,2", "--snapshot")
    assert ignored.code == 14
    assert f"error: the lock {lock} is not in the commit" in ignored.err
    assert f"next: git add -f {lock}" in ignored.err
    assert swept.git("for-each-ref", "refs/reprobox") == ""
    assert not (swept.top / ".reprobox/sweeps").exists()
    assert not list((swept.top / ".reprobox").glob("tmp/pending-*"))
