"""The spread of an experiment, measured by real runs, and what it proposes."""

from __future__ import annotations

from collections.abc import Callable

from flow_project import Project

Change = Callable[[str, str], str]

NOISY = """\
import json, os, random, sys, time
noise = random.SystemRandom().random()
json.dump({"loss": 1 + noise * 1e-4, "n": 3}, open("metrics.json", "w"))
open("log.txt", "w").write(time.strftime("%Y-%m-%d %H:%M:%S done\\n") + str(time.time()) + "\\n")
open("model.bin", "wb").write(b"\\0\\xff" + random.randbytes(10))
open("noise.bin", "wb").write(b"\\0\\xff" + os.urandom(10))
"""


def test_rules_and_claims_are_proposed_that_hold(project: Project, change: Change) -> None:
    change("train.py", NOISY)
    project.run()
    said = project("calibrate", "latest", "-n", "3", "--json")
    assert said.code == 0, said.err
    files = {file["path"]: file for file in said.json["files"]}
    assert {path: file["identical"] for path, file in files.items()} == {
        "log.txt": 0,
        "metrics.json": 0,
        "model.bin": 3,
        "noise.bin": 0,
    }
    assert files["model.bin"]["rule"] == ""
    assert files["log.txt"]["rule"] == "log.txt: except-times"
    assert files["noise.bin"]["rule"] == "noise.bin: ignore"
    assert files["metrics.json"]["rule"].startswith("metrics.json: {compare: content, rtol: ")
    assert 0 < files["metrics.json"]["rel"] < 1e-4
    assert list(said.json["claims"]) == ["metrics.json $.loss"]
    assert len(project.runs()) == 1  # what was run for this is gone

    rules = [word for file in files.values() if file["rule"] for word in ("--rule", file["rule"])]
    replayed = project("replay", *rules)
    assert replayed.code == 0, replayed.out
    claim = said.json["claims"]["metrics.json $.loss"]
    assert claim.startswith("metrics.json#$.loss = 1.0000")


def test_with_seeds_each_run_draws_others(project: Project, change: Change) -> None:
    change("train.py", 'import random\nopen("x.txt", "w").write(str(random.random()))\n')
    project.run()
    said = project("calibrate", "-n", "2")
    assert "all outputs were identical in 2 runs: no rule is needed" in said.out
    said = project("calibrate", "-n", "2", "--seeds")
    assert "measured in 2 runs, each with a seed of its own" in said.out
    assert "0 of 2" in said.out
