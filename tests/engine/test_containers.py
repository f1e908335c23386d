"""The run side against the machine's engine."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reprobox.engine import create_body
from reprobox.engine.docker import DockerEngine
from reprobox.errors import ConfigError, EngineError, GpuUnavailable, ImageMissing
from reprobox.model.outcome import Container, Mount

pytestmark = pytest.mark.engine
Make = Callable[..., str]


@pytest.fixture
def make(engine: DockerEngine, tiny_image: str) -> Iterator[Make]:
    """Creates a container of the busybox image with the defaults of a run; removed after the test."""
    made: list[str] = []

    def create(*argv: str, **changes: Any) -> str:
        container = Container(
            **{
                "image": tiny_image,
                "argv": argv,
                "name": f"reprobox-tests-{secrets.token_hex(6)}",
                **changes,
            }
        )
        made.append(container.name)
        return engine.create(container)

    yield create
    for name in made:
        engine.remove(name)


def said(engine: DockerEngine, container_id: str) -> str:
    """Starts it, waits, and gives what it said."""
    engine.start(container_id)
    engine.wait(container_id, 30)
    return engine.logs(container_id).decode()


def inspected(engine: DockerEngine, container_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = engine._link.quick().inspect_container(container_id)
    return answer


def test_the_engine_holds_every_flag(engine: DockerEngine, make: Make, tmp_path: Path) -> None:
    made = make(
        "sh",
        "-c",
        "true",
        labels={"reprobox.run": "x y=z"},
        env={"A": "1"},
        workdir="/work",
        user="1000:1000",
        mounts=(Mount(source=str(tmp_path), target="/data"),),
        tmpfs={"/tmp": create_body.tmpfs("8m")},
        cpus=0.5,
        memory=64 << 20,
        shm_size=16 << 20,
        pids=50,
    )
    facts = inspected(engine, made)
    config, host = facts["Config"], facts["HostConfig"]
    assert (config["Entrypoint"], config["Cmd"], config["User"], config["WorkingDir"]) == (
        ["sh"],
        ["-c", "true"],
        "1000:1000",
        "/work",
    )
    assert (config["Hostname"], config["Healthcheck"], config["StopSignal"]) == (
        "reprobox",
        {"Test": ["NONE"]},
        "SIGTERM",
    )
    assert config["Labels"]["reprobox.run"] == "x y=z"
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Privileged"] is False
    assert host["Memory"] == host["MemorySwap"] == 64 << 20
    assert (host["NanoCpus"], host["ShmSize"], host["PidsLimit"]) == (500_000_000, 16 << 20, 50)
    assert host["Tmpfs"] == {"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=8m"}
    assert (host["RestartPolicy"]["Name"], host["AutoRemove"], host["IpcMode"], host["Binds"]) == (
        "no",
        False,
        "private",
        None,
    )
    assert [(m["Type"], m["Source"], m["Destination"], m["RW"]) for m in facts["Mounts"]] == [
        ("bind", str(tmp_path), "/data", False)
    ]


def test_hardening_is_felt_inside(engine: DockerEngine, make: Make, tmp_path: Path) -> None:
    script = """
        id -u
        touch /x 2>/dev/null || echo root is read-only
        touch /data/x 2>/dev/null || echo data is read-only
        ls /sys/class/net
        grep -E 'Cap(Eff|Bnd|Prm)|NoNewPrivs|Seccomp:' /proc/self/status
        printf '#!/bin/sh\\necho tmp is exec\\n' > /tmp/x && chmod +x /tmp/x && /tmp/x
        grep ' /dev/shm ' /proc/mounts
        wget -q -T 2 -O - http://192.0.2.1/ 2>/dev/null || echo no network
        ulimit -c
        grep reprobox /etc/hosts
    """
    made = make(
        "sh",
        "-c",
        script,
        user="1000:1000",
        tmpfs={"/tmp": create_body.tmpfs("8m")},
        mounts=(Mount(source=str(tmp_path), target="/data"),),
        shm_size=16 << 20,
    )
    text = said(engine, made)
    lines = text.splitlines()
    assert lines[:4] == ["1000", "root is read-only", "data is read-only", "lo"]
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert f"{name}:\t0000000000000000" in lines
    assert {"NoNewPrivs:\t1", "Seccomp:\t2", "tmp is exec", "no network", "0"} <= set(lines)
    assert "size=16384k" in text
    assert "127.0.0.1\treprobox" in text


def test_pids_are_limited(engine: DockerEngine, make: Make) -> None:
    made = make(
        "sh", "-c", "i=0; while [ $i -lt 30 ]; do sleep 5 & i=$((i+1)); done; echo all", pids=10
    )
    assert "fork" in said(engine, made)


def test_a_life(engine: DockerEngine, make: Make) -> None:
    made = make("sh", "-c", "sleep 0.5; exit 4", labels={"reprobox-tests": "life"})
    state = engine.state(made)
    assert state is not None
    assert (state.status, state.exit_code, state.started, state.finished) == (
        "created",
        None,
        "",
        "",
    )
    engine.start(made)
    engine.start(made)
    assert engine.wait(made, 0.05).status == "running"
    ended = engine.wait(made)
    assert (ended.status, ended.exit_code, ended.error, ended.oom_killed) == (
        "exited",
        4,
        "",
        False,
    )
    assert ended.started < ended.finished
    assert [found.id for found in engine.find({"reprobox-tests": "life"})] == [made]
    assert engine.state(ended.name) == ended
    engine.stop(made, 1)
    engine.kill(made)
    engine.remove(made)
    for call in (engine.remove, engine.kill, lambda gone: engine.stop(gone, 1)):
        call(made)
    assert engine.state(made) is None
    assert engine.find({"reprobox-tests": "life"}) == []
    with pytest.raises(EngineError, match="is gone"):
        engine.wait(made)


def test_waiting_for_what_was_never_started_ends_at_once(engine: DockerEngine, make: Make) -> None:
    assert engine.wait(make("true")).status == "created"


def test_waiting_costs_nothing(engine: DockerEngine, make: Make) -> None:
    made = make("sleep", "2")
    engine.start(made)
    before = time.process_time()
    engine.wait(made)
    assert time.process_time() - before < 0.1


def test_many_wait_at_once(engine: DockerEngine, make: Make) -> None:
    made = make("sleep", "1")
    engine.start(made)
    found: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(engine.wait(made).exit_code))
        for _ in range(15)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [0] * 15


def test_stop_asks_first_and_kills_after_the_grace(engine: DockerEngine, make: Make) -> None:
    polite = make("sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done")
    deaf = make("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    for made in (polite, deaf):
        engine.start(made)
    began = time.monotonic()
    engine.stop(polite, 20)
    assert engine.wait(polite).exit_code == 7
    assert time.monotonic() - began < 10
    engine.stop(deaf, 0.5)
    assert engine.wait(deaf).exit_code == 137


def test_kill(engine: DockerEngine, make: Make) -> None:
    made = make("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    engine.start(made)
    engine.kill(made)
    assert engine.wait(made, 30).exit_code == 137


def test_a_second_create_takes_the_first(engine: DockerEngine, make: Make) -> None:
    name = f"reprobox-tests-{secrets.token_hex(6)}"
    first = make("true", name=name, labels={"reprobox.run": "a"})
    assert make("true", name=name, labels={"reprobox.run": "a"}) == first
    for labels in ({"reprobox.run": "b"}, {}):
        with pytest.raises(EngineError, match="already in use"):
            make("true", name=name, labels=labels)


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [("nonsense", 127, "not found"), ("/etc", 126, "permission denied")],
)
def test_a_missing_program_is_an_outcome(
    engine: DockerEngine, make: Make, program: str, code: int, words: str
) -> None:
    made = make(program)
    engine.start(made)
    state = engine.wait(made)
    assert (state.status, state.exit_code) == ("created", code)
    assert words in state.error


def test_an_impossible_mount_is_an_error(engine: DockerEngine, make: Make, tmp_path: Path) -> None:
    """The engine answers 127 here too, and it is not the program that is missing."""
    made = make("true", mounts=(Mount(source=str(tmp_path), target="/bin/busybox"),))
    with pytest.raises(EngineError, match="not a directory"):
        engine.start(made)
    state = engine.state(made)
    assert state is not None
    assert state.exit_code is None


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"image": "reprobox-tests/none:1"}, ImageMissing, "reprobox build"),
        ({"cpus": 4096.0}, EngineError, "CPUs"),
        ({"memory": 1 << 12}, EngineError, "memory"),
        ({"mounts": (Mount(source="/no/such/place", target="/x"),)}, EngineError, "does not exist"),
        ({"mounts": (Mount(source="/tmp/\udcff", target="/x"),)}, ConfigError, "UTF-8"),
        ({"gpus": "all"}, GpuUnavailable, "could not select device driver"),
        ({"gpus": "some"}, ConfigError, "a number such as"),
        ({"network": "no-such-network"}, EngineError, "no-such-network"),
        ({"name": "a/../b"}, EngineError, "name"),
    ],
)
def test_what_the_engine_refuses(
    engine: DockerEngine, make: Make, change: dict[str, Any], kind: type[Exception], words: str
) -> None:
    labels = {"reprobox-tests": secrets.token_hex(4)}
    with pytest.raises(kind, match=words):
        engine.start(make("true", labels=labels, **change))
    assert not [there for there in engine.find(labels) if there.status != "created"]


HOSTILE = ["a:b", "a,b", 'a"b', "a\nb", "a b", "-a", "ö", "a'b", "$(touch x)", "a\\b", "x" * 200]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_reach_the_program_unchanged(
    engine: DockerEngine, make: Make, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "here").write_text(name)
    mounts = (Mount(source=str(tmp_path / name), target=f"/data/{name}"),)
    made = make(
        "cat",
        f"/data/{name}/here",
        mounts=mounts,
        labels={"reprobox-tests": name},
        env={"N": name},
        workdir=f"/data/{name}",
    )
    assert said(engine, made) == name
    assert made in [found.id for found in engine.find({"reprobox-tests": name})]


@pytest.mark.parametrize(
    "name", ["../images/json", "..", "a/../../info", "", "\n", "x" * 300, "a b", "?all=1", "ö"]
)
def test_no_name_reaches_another_call(engine: DockerEngine, name: str) -> None:
    assert engine.state(name) is None
    assert engine.inspect(f"{name}/../..") is None


def test_no_name_removes_another_container(engine: DockerEngine, make: Make) -> None:
    made = make("true")
    for name in (f"a/../{made}", f"../containers/{made[:12]}"):
        engine.kill(name)
        engine.remove(name)
    assert engine.state(made) is not None


def test_a_run_outlives_its_client(engine: DockerEngine, tiny_image: str) -> None:
    """kill -9 of the process that started it and waits for it."""
    name = f"reprobox-tests-{secrets.token_hex(6)}"
    script = """
import sys
from reprobox.engine.docker import DockerEngine
from reprobox.model.outcome import Container
image, name = sys.argv[1:]
engine = DockerEngine()
made = engine.create(Container(image=image, name=name, argv=("sh", "-c", "sleep 1; exit 6"), labels={"reprobox-tests": name}))
engine.start(made)
print("started", flush=True)
engine.wait(made)
"""
    top = Path(create_body.__file__).parents[2]
    command = [sys.executable, "-c", script, tiny_image, name]
    try:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(top)}
        ) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == b"started\n"
            client.kill()
        (found,) = engine.find({"reprobox-tests": name})
        assert found.status == "running"
        assert engine.wait(found.id, 30).exit_code == 6
    finally:
        engine.remove(name)


def test_looking_at_an_image_is_quick(tiny_image: str) -> None:
    """An unchanged build is one of these; it costs little more than importing the client does (in
    processor time).
    """
    ours = "import sys\nfrom reprobox.engine.docker import DockerEngine\nassert DockerEngine().inspect(sys.argv[1])"
    theirs = "import docker.api.client"
    assert min(cost(ours, tiny_image) for _ in range(5)) < 1.6 * min(
        cost(theirs, tiny_image) for _ in range(5)
    )


def cost(script: str, argument: str) -> float:
    """Processor seconds of a fresh interpreter."""
    before = os.times()
    top = Path(create_body.__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", script, argument],
        check=True,
        env={**os.environ, "PYTHONPATH": str(top)},
    )
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
