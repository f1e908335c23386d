"""Secrets reach the program and nobody else: canaries are looked for in everything that is stored,
shown or built.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from flow_project import Project

pytestmark = pytest.mark.engine

CANARY, KEY = (
    "hf-canary-7c1f0e5d9a",
    "-----BEGIN-----\ncanary-line-one-4b1d\ncanary-line-two-99aa\n-----END-----\n",
)
TELLS = """
import os, random, subprocess, sys, time
token = os.environ["HF_TOKEN"]
random.seed(token)
random.seed(token.encode())
subprocess.run([sys.executable, "-c", "pass", "x" * 190 + token, token])
subprocess.run("true --password=" + token, shell=True)
assert token == open("/run/secrets/HF_TOKEN").read(), "they differ"
assert open("/run/secrets/deploy.key").read() == open("/run/secrets/deploy.key").read()
assert len(token) == 20 and "deploy.key" not in os.environ
os.write(1, b"token " + token[:7].encode())
time.sleep(0.2)
os.write(1, token[7:].encode() + b" end\\n")
print(open("/run/secrets/deploy.key").read(), file=sys.stderr)
print("begun", token[::-1] != token)
sys.stdout.flush()
while os.path.exists("wait"):
    time.sleep(0.02)
os.close(1)
os.write(2, token.encode() * 3 + token[:5].encode())
try:
    open("/run/secrets/HF_TOKEN", "w")
except OSError as error:
    os.write(2, f" {type(error).__name__}".encode())
"""


@pytest.fixture
def told(project: Project, nobodys_home: Path) -> Project:
    """An experiment with two secrets, one of a variable and one of a file outside of the
    repository.
    """
    key = nobodys_home / "a key"
    key.write_text(KEY)
    text = (project.top / "config.yaml").read_text()
    project.write(
        "config.yaml", f"{text}  secrets: {{HF_TOKEN: 'env:MY_TOKEN', deploy.key: 'file:{key}'}}\n"
    )
    project.write("train.py", TELLS)
    project.write("kept", "")
    project.commit("secrets")
    return Project(project.top, {**project.env, "MY_TOKEN": CANARY})


def holding(top: Path, needles: tuple[bytes, ...]) -> list[str]:
    """Files below a directory whose name or bytes hold one of these."""
    found = []
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                data = file.read()
            if any(needle in data or needle.decode() in name for needle in needles):
                found.append(path)
    return found


NEEDLES = (CANARY.encode(), b"canary-line-one-4b1d", b"canary-line-two-99aa")


def in_memory(project: Project) -> list[str]:
    """Secrets that lie in memory now, of runs of this project."""
    runs = {path.name for path in (project.top / ".reprobox/runs").iterdir()}
    return [path for path in holding(Path("/dev/shm"), NEEDLES) if any(run in path for run in runs)]


def test_a_program_finds_its_secrets_and_nothing_keeps_them(told: Project) -> None:
    said = told("run", "config.yaml")
    assert said.code == 0, said.err
    assert said.out == "token *** end\nbegun True\n"
    assert not any(needle.decode() in said.out + said.err for needle in NEEDLES)
    (run,) = (told.top / ".reprobox" / "runs").iterdir()
    assert (run / "stdout").read_bytes() == b"token *** end\nbegun True\n"
    assert (run / "stderr").read_bytes() == b"***\n\n*********hf-ca OSError"
    record = json.loads((run / "record.json").read_bytes())
    assert record["intent"]["runspec"]["secrets"] == ["HF_TOKEN", "deploy.key"]
    assert in_memory(told) == []
    assert told("replay").code == 0
    assert holding(told.top, NEEDLES) == []
    assert holding(Path(told.env["REPROBOX_HOME"]) / "memo", NEEDLES) == []
    for objects in (Path(told.env["REPROBOX_HOME"]) / "objects/sha256").iterdir():
        recent = [
            path
            for path in objects.iterdir()
            if path.stat().st_mtime > time.time() - 600 and path.stat().st_size < 1 << 24
        ]
        assert not any(needle in path.read_bytes() for path in recent for needle in NEEDLES)


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    there = docker.from_env()
    yield there
    there.close()


def test_the_engine_knows_no_secret_and_a_killed_supervisor_leaves_none(
    told: Project, client: docker.DockerClient
) -> None:
    told.write("wait", "")
    told.commit("wait")
    process = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "run", "config.yaml"],
        cwd=told.top,
        env=told.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"token *** end\n"
    assert process.stdout.readline() == b"begun True\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (run,) = (told.top / ".reprobox" / "runs").iterdir()
    assert in_memory(told) != []
    seen = client.api.inspect_container(f"reprobox-{run.name}")
    texts = [
        json.dumps(seen),
        json.dumps(client.api.history(seen["Image"])),
        json.dumps(client.api.inspect_image(seen["Image"])),
    ]
    texts.append(client.api.logs(seen["Id"]).decode())
    assert not any(needle.decode() in text for text in texts for needle in NEEDLES)
    engines_own = Path(client.info()["DockerRootDir"]) / "containers" / seen["Id"]
    if os.access(engines_own, os.R_OK | os.X_OK):
        assert (engines_own / "config.v2.json").exists()
        assert holding(engines_own, NEEDLES) == []
    (mount,) = [mount for mount in seen["Mounts"] if mount["Destination"] == "/run/secrets"]
    assert mount["RW"] is False
    assert os.stat(mount["Source"]).st_mode & 0o777 == 0o700
    (run / "work" / "wait").unlink()
    client.api.wait(seen["Id"])
    # Collected by a process that has no secret: the streams were masked where they were written.
    shown = Project(told.top, {**told.env, "MY_TOKEN": ""})("show", "--json").json
    assert shown["state"] == "finished"
    assert holding(told.top, NEEDLES) == []
    assert in_memory(told) == []


@pytest.mark.parametrize(
    ("secrets", "value", "says"),
    [
        ("{A: 'env:NOT_SET'}", None, "A cannot be read from env:NOT_SET"),
        ("{A: 'file:/no/such'}", None, "A cannot be read"),
        ("{A: 'env:SHORT'}", "abc\n", "fewer than 4 bytes"),
        ("{PYTHONHASHSEED: 'env:SHORT'}", "long enough", "both a secret and a variable"),
        ("{A: 'file:train.py'}", None, "part of the commit"),
        ("{A: 'hf_literal_value'}", None, "write env:NAME or file:PATH"),
    ],
)
def test_secrets_that_are_refused(
    project: Project, secrets: str, value: str | None, says: str
) -> None:
    project.write(
        "config.yaml", (project.top / "config.yaml").read_text() + f"  secrets: {secrets}\n"
    )
    project.commit("secrets")
    said = project("run", "config.yaml", **({"SHORT": value} if value else {}))
    assert said.code == 125
    assert says in said.err
    assert "hf_literal_value" not in said.err
    assert project.runs() == []
