"""Whole runs with Apptainer, by the real command line: one record on several engines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from apptainer_program import on_path
from flow_project import Project, Said

WAITS = """\
import os, signal, sys, time
print("begun", flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
while not os.path.exists("/tmp/never"):
    time.sleep(0.05)
"""
SECRET = """\
import os
print(len(os.environ["TOKEN"]), os.environ["TOKEN"])
"""


@dataclass(frozen=True)
class There:
    """The command line, with Apptainer as the engine."""

    project: Project
    env: dict[str, str]

    def __call__(self, *words: str) -> Said:
        return self.project(*words, **self.env)

    def json(self, *words: str, code: int = 0) -> Any:
        said = self(*words, "--json")
        assert said.code == code, said.err + said.out
        return said.json


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its images, unpacked once."""
    return tmp_path_factory.mktemp("apptainer")


@pytest.fixture
def there(project: Project, place: Path) -> Iterator[There]:
    variables = {"REPROBOX_ENGINE": "apptainer", "REPROBOX_APPTAINER": str(place)}
    yield There(project, {"PATH": on_path(), **variables})
    left = place / "containers"
    assert not left.exists() or list(left.iterdir()) == []


def config(project: Project, name: str, program: str, more: str = "") -> None:
    project.write("prog.py", program)
    text = (project.top / "config.yaml").read_text().replace("train.py", "prog.py")
    project.write(name, text + more)
    project.commit("another program")


def test_one_record_is_the_same_on_docker_and_apptainer(there: There, project: Project) -> None:
    first = project.run()
    assert there.json("replay", first["id"])["result"] == "identical"
    own = there.json("run", "config.yaml", "--name", "apptainer")
    assert own["record"]["outputs"] == first["record"]["outputs"]
    assert own["record"]["stdout"] == first["record"]["stdout"]
    intent = own["record"]["intent"]
    assert intent["runspec"] == first["record"]["intent"]["runspec"]
    assert intent["engine"]["name"] == "Apptainer"
    assert intent["engine"]["limits"]["tmp_size"] is (os.getuid() != 0)
    back = project("replay", own["id"], "--json")
    assert back.json["result"] == "identical", back.err
    assert there.json("doctor")["engine"]["version"] == intent["engine"]["version"]


def test_a_run_is_left_alone_followed_stopped_and_recorded(there: There, project: Project) -> None:
    config(project, "waits.yaml", WAITS)
    run = there.json("run", "waits.yaml", "-d")["id"]
    until = time.monotonic() + 60
    while "begun" not in there("logs", run).out:
        assert time.monotonic() < until
    assert [row["state"] for row in there.json("ls")] == ["running"]
    elsewhere = project("stop", run)
    assert elsewhere.code == 56
    assert f"REPROBOX_ENGINE=apptainer REPROBOX_APPTAINER={there.env['REPROBOX_APPTAINER']}" in (
        elsewhere.err
    )
    assert there("stop", run).code == 0
    record = there.json("show", run)["record"]
    assert (record["exit"]["code"], record["exit"]["reason"]) == (9, "interrupted")


def test_a_run_whose_supervisors_were_killed_is_found_again(
    there: There, project: Project, place: Path
) -> None:
    """SIGKILL of the command and of the container's supervisor: nothing is lost but one number."""
    config(project, "waits.yaml", WAITS)
    process = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "run", "waits.yaml"],
        cwd=project.top,
        env={**project.env, **there.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    process.kill()
    process.wait()
    process.stdout.close()
    noted = next((place / "containers").glob("*/started.json")).read_text()
    keeper = int(noted.partition('"keeper": [')[2].partition(",")[0])
    os.kill(keeper, signal.SIGKILL)
    assert [row["state"] for row in there.json("ls")] == ["running"]
    run = there.json("ls")[0]["id"]
    assert there("stop", run).code == 0
    assert there.json("show", run)["record"]["exit"]["code"] == 9


def test_secrets_limits_and_what_is_not_there(there: There, project: Project) -> None:
    config(project, "secret.yaml", SECRET, "  secrets: {TOKEN: env:TOKEN}\n")
    said = there.project("run", "secret.yaml", "--json", **there.env, TOKEN="abc$(id)def")
    assert said.code == 0, said.err
    shown = there("logs", "latest").out
    assert shown.startswith("11 ")
    assert "abc$(id)def" not in shown + said.out
    if os.getuid() == 0:  # an ordinary user needs control groups of version 2
        config(project, "much.yaml", "bytearray(300 << 20)\n", "  memory: 64m\n")
        limited = there.json("run", "much.yaml", code=137)["record"]
        assert limited["met"]["cgroup"]["memory"] == 64 << 20
        assert limited["exit"]["reason"] == "oom"
    assert there("build", "config.yaml").code == 0
