"""Runs that a Slurm of the tests' own executes, and questions to ask about them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster import Cluster, until
from flow_project import Project

PROGRAM = """\
import os, signal, sys, time
text = dict(line.strip().split(": ") for line in open(sys.argv[1]) if line[:4] in ("mode", "scal"))
print("begun", text["scale"], flush=True)
open("made", "w").write(text["scale"])
def leave(*_):
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if text["mode"] == "deaf" else leave)
if text["mode"] == "fail":
    sys.exit(3)
if text["mode"] in ("wait", "deaf"):
    time.sleep(600)
"""


def waiting_project(made: Project, cluster: Cluster) -> Project:
    """A project with the program above, and the cluster's commands in its path."""
    made = replace(made, env={**made.env, **cluster.env})  # the session's own stays as it is
    made.write("train.py", PROGRAM)
    text = (made.top / "config.yaml").read_text()
    made.write("config.yaml", f"mode: end\n{text}")
    made.commit("a program that waits")
    return made


def submitted(project: Project, *words: str) -> str:
    said = project("run", "config.yaml", "--on", "slurm", "--detach", *words)
    assert said.code == 0, said.err
    return said.out.strip()


def of(project: Project, run: str) -> Path:
    return project.top / ".reprobox" / "runs" / run


def tries(project: Project, run: str) -> list[dict[str, Any]]:
    found = [
        json.loads(path.read_bytes()) for path in of(project, run).glob("attempts/*/attempt.json")
    ]
    return sorted(found, key=lambda one: one["began"])


def job(project: Project, run: str) -> str:
    return str(json.loads((of(project, run) / "scheduled.json").read_bytes())["job"])


def begun(project: Project, run: str, attempts: int = 1) -> None:
    """The program of the newest attempt has written its first line."""

    def ready() -> bool:
        made = tries(project, run)
        if len(made) < attempts:
            return False
        place = of(project, run) / "attempts" / made[-1]["name"] / "runs" / run / "out" / "stdout"
        return place.exists() and b"begun" in place.read_bytes()

    until(ready, 60)


def outcomes(project: Project, run: str, expected: list[str]) -> None:
    """How the attempts ended; a worker notes it after the record is there."""
    until(lambda: [one["outcome"] for one in tries(project, run)] == expected)


def waited(project: Project, run: str) -> tuple[int, dict[str, Any]]:
    """`wait`, and the record that is there then."""
    said = project("wait", run)
    return said.code, project("show", run, "--json").json["record"]
