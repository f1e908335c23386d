"""How a run ended, as its record says it: twelve ways, each with its own reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flow_project import Project
from second_engine import SecondEngine

pytestmark = pytest.mark.engine

EAT = "held = bytearray(400 << 20); print(len(held))"
CHILD = f"""
import subprocess, sys
done = subprocess.run([sys.executable, "-c", {EAT!r}])
print(done.returncode)
sys.exit({{}})
"""
WAIT = "import time\nprint('begun', flush=True)\ntime.sleep(600)\n"


def ended(
    project: Project, script: str, *, extra: str = "", code: int, **env: str
) -> dict[str, Any]:
    """A run of a script; its record's `exit`."""
    project.write("train.py", script)
    project.write("config.yaml", (project.top / "config.yaml").read_text() + extra)
    project.commit()
    said = project("run", "config.yaml", "--json", **env)
    assert said.code == code, said.err
    return {
        **said.json["record"]["exit"],
        "oom_kills": said.json["record"]["met"]["oom_kills"],
        "path": said.json["path"],
    }


@pytest.mark.parametrize(
    ("script", "code", "reason", "number"),
    [
        ("pass", 0, "exited", None),
        ("raise SystemExit(42)", 42, "exited", None),
        ("import os; os.kill(os.getpid(), 15)", 143, "signal", 15),
        ("import os; os.kill(os.getpid(), 9)", 137, "signal", 9),
        ("raise SystemExit(137)", 137, "exited", None),
    ],
)
def test_exit_codes_and_signals(
    project: Project, script: str, code: int, reason: str, number: int | None
) -> None:
    found = ended(project, script, code=code)
    assert (found["code"], found["reason"], found["signal"], found["oom_kills"]) == (
        code,
        reason,
        number,
        0,
    )


@pytest.mark.parametrize(
    ("script", "code", "reason"),
    [(EAT, 137, "oom"), (CHILD.format(0), 0, "exited"), (CHILD.format("1"), 1, "exited")],
)
def test_out_of_memory(project: Project, script: str, code: int, reason: str) -> None:
    found = ended(project, script, extra="  memory: 128m\n", code=code)
    assert (found["code"], found["reason"], found["oom_kills"]) == (code, reason, 1)
    again = project("run", "config.yaml")
    assert (
        ("out of memory" in again.err.splitlines()[-1])
        == ("out of memory" in project("show").out)
        is True
    )
    assert ("killed 1 process of the run (its memory limit is 128m)" in again.err) == (
        reason != "oom"
    )


def test_what_is_loosened_is_shown(project: Project) -> None:
    ended(project, "pass", code=0)
    assert "isolation   hermetic\n" in project("show").out
    ended(
        project,
        "pass",
        extra="  writable_root: true\n  capabilities: [NET_RAW]\n  network: bridge\n",
        code=0,
    )
    shown = project("show").out
    assert all(
        text in shown
        for text in ("isolation   network: bridge", "writable_root: true", "capabilities: NET_RAW")
    )


@pytest.mark.parametrize(
    ("command", "code", "reason", "says"),
    [
        ("[no-such]", 127, "not-found", "no such program"),
        ("[./train.py]", 126, "not-executable", "Permission denied"),
    ],
)
def test_a_program_that_cannot_start(
    project: Project, command: str, code: int, reason: str, says: str
) -> None:
    project.write(
        "config.yaml",
        (project.top / "config.yaml")
        .read_text()
        .replace("[python3, train.py, config.yaml]", command),
    )
    found = ended(project, "pass", code=code)
    assert (found["code"], found["reason"]) == (code, reason)
    assert says in found["message"]


def test_a_timeout_that_has_to_kill(project: Project) -> None:
    stubborn = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n"
    )
    found = ended(project, stubborn, extra="  timeout: 1\n", code=137)
    assert (found["code"], found["reason"]) == (137, "timeout")


@pytest.fixture
def small_disk(project: Project) -> Iterator[Project]:
    """The project's store on a disk of its own of 24 MiB, in memory."""
    store = project.top / ".reprobox"
    store.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(store)], check=True)
    yield project
    subprocess.run(["umount", "--lazy", str(store)], check=True)


FILL = """
import sys
print("before")
sys.stdout.flush()
with open("fill", "wb", buffering=0) as file:
    while True:
        if file.write(bytes(65536)) < 65536:
            break
file = open("more", "wb", buffering=0)
while True:
    file.write(bytes(512))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_still_gets_its_record(small_disk: Project) -> None:
    found = ended(small_disk, FILL, code=1)
    assert (found["code"], found["reason"]) == (1, "exited")
    assert "The disk was full." in found["message"]
    assert (Path(found["path"]) / "stdout").read_bytes() == b"before\n"
    shown = small_disk("show", "--json")
    assert shown.json["state"] == "failed", shown.err
    assert small_disk("verify").code == 0
    assert small_disk("rm", "latest").code == 0


def until(question: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def supervised(project: Project) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "run", "config.yaml", "--json"],
        cwd=project.top,
        env=project.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    outs = project.top / ".reprobox"
    until(
        lambda: (
            process.poll() is not None
            or any(path.read_bytes() for path in outs.glob("runs/*/out/stdout"))
        )
    )
    assert process.poll() is None, process.communicate()
    return process


@pytest.mark.slow
@pytest.mark.parametrize(
    ("live_restore", "number"),
    [(False, signal.SIGKILL), (False, signal.SIGTERM), (True, signal.SIGKILL)],
)
def test_the_engine_dies_and_comes_back(
    project: Project,
    second_engine: Callable[..., SecondEngine],
    live_restore: bool,
    number: signal.Signals,
) -> None:
    own = second_engine(live_restore=live_restore)
    there = Project(project.top, {**project.env, "DOCKER_HOST": own.url})
    assert there("build").code == 0
    there.write(
        "train.py",
        "import os, time\nprint('begun', flush=True)\nwhile not os.path.exists('go'): "
        "time.sleep(0.02)\n",
    )
    there.commit()
    process = supervised(there)
    own.die(number)
    if live_restore:
        (run,) = (there.top / ".reprobox/runs").iterdir()
        (run / "work" / "go").touch()
        until(lambda: (run / "out" / "exit.json").exists())
    assert process.poll() is None, "the supervisor waits for its engine"
    own.start()
    process.communicate(timeout=90)
    shown = there("show", "--json").json
    found = shown["record"]["exit"]
    if live_restore:
        assert (shown["state"], found["reason"], found["code"], process.returncode) == (
            "finished",
            "exited",
            0,
            0,
        )
    else:
        # An engine that ends or returns takes its containers along: never the experiment's failure.
        assert (shown["state"], found["code"]) in (("interrupted", 143), ("interrupted", 137))
    assert there("ls", "--json").json[0]["state"] == shown["state"]


def test_a_stop_from_outside_is_no_failure(project: Project) -> None:
    import docker

    project.write("train.py", WAIT)
    project.commit()
    process = supervised(project)
    (run,) = (project.top / ".reprobox/runs").iterdir()
    client = docker.from_env()
    client.api.stop(f"reprobox-{run.name}")
    client.close()
    process.communicate()
    shown = project("show", "--json").json
    assert (process.returncode, shown["state"], shown["record"]["exit"]["reason"]) == (
        143,
        "interrupted",
        "interrupted",
    )
    assert "docker stop" in shown["record"]["exit"]["message"]


def test_a_container_that_somebody_removes_is_told_with_its_run(project: Project) -> None:
    import docker

    project.write("train.py", WAIT)
    project.commit()
    process = supervised(project)
    (run,) = (project.top / ".reprobox/runs").iterdir()
    client = docker.from_env()
    client.api.remove_container(f"reprobox-{run.name}", force=True)
    client.close()
    err = process.communicate()[1].decode()
    assert process.returncode == 125
    assert f"run {run.name}: the container" in err
    assert f"next: reprobox show {run.name}" in err
    assert project("show", "--json").json["state"] == "lost"


def test_everything_is_lost_but_the_truth(project: Project) -> None:
    """Somebody removes the container of a run whose supervisor is dead."""
    import docker

    project.write("train.py", WAIT)
    project.commit()
    process = supervised(project)
    process.kill()
    process.communicate()
    (run,) = (project.top / ".reprobox/runs").iterdir()
    client = docker.from_env()
    client.api.remove_container(f"reprobox-{run.name}", force=True)
    client.close()
    shown = project("show", "--json").json
    assert (shown["state"], shown["record"]["exit"]["reason"], shown["record"]["exit"]["code"]) == (
        "lost",
        "lost",
        255,
    )
    assert (run / "stdout").read_bytes() == b"begun\n"
