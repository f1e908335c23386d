"""Least privilege: what the engine says of a run's container follows from its RunSpec, and from
nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from flow_project import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reprobox.engine import seccomp
from reprobox.engine.docker import DockerEngine
from reprobox.executor import container_spec
from reprobox.kit import canon, units
from reprobox.model.runspec import InputPin, RunSpec
from reprobox.model.spec import Resources

pytestmark = pytest.mark.engine

EMPTY = canon.digest_bytes(b"")
NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,10}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
SPECS = st.builds(
    RunSpec,
    argv=st.lists(TEXT.filter(bool), min_size=1, max_size=3).map(tuple),
    workdir=st.sampled_from([".", "sub", "a b/c"]),
    env=st.dictionaries(NAMES, TEXT, max_size=4),
    commit=st.just("c" * 40),
    tree=st.just("d" * 40),
    config_path=st.just("config.yaml"),
    config_digest=st.just(EMPTY),
    image=st.just(EMPTY),
    lock=st.just(EMPTY),
    runtime=st.just(EMPTY),
    seed=st.integers(0, 9),
    profile=st.just("observe"),
    threads=st.just(1),
    inputs=st.sampled_from([(), ("data/x",), ("/data/a b", "/data/c:d,e")]).map(
        lambda paths: tuple(
            InputPin(
                path=os.path.join("/work", path), source="/tmp", kind="tree", digest=EMPTY, size=0
            )
            for path in paths
        )
    ),
    secrets=st.sampled_from([(), ("TOKEN",)]),
    resources=st.builds(
        Resources,
        cpus=st.sampled_from([None, 0.5, 2.0]),
        memory=st.sampled_from([None, "64m", "1g"]),
        shm_size=st.sampled_from(["64m", "1g"]),
        pids=st.integers(16, 4096),
        tmp_size=st.sampled_from(["16m", "1g"]),
    ),
    network=st.sampled_from(["none", "bridge"]),
    hostname=st.sampled_from(["reprobox", "other"]),
    writable_root=st.booleans(),
    capabilities=st.sampled_from([(), ("NET_RAW",), ("CHOWN", "SYS_NICE")]),
)


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    there = docker.from_env()
    yield there
    there.close()


@pytest.fixture(scope="module")
def bare(client: docker.DockerClient, tiny_image: str) -> dict[str, Any]:
    """What the engine says of a container that was asked for with an image and nothing else."""
    made = client.api.create_container(
        tiny_image, ["true"], host_config=client.api.create_host_config()
    )["Id"]
    seen: dict[str, Any] = client.api.inspect_container(made)
    client.api.remove_container(made)
    return seen


def follows(spec: RunSpec, run_dir: Path, secrets: Path | None) -> dict[str, dict[str, Any]]:
    """What must be seen, worked out of the RunSpec alone."""
    limits = spec.resources
    memory = units.bytes_of(limits.memory) if limits.memory else 0
    tmpfs = f"rw,exec,nosuid,nodev,mode=1777,size={limits.tmp_size}"
    program = [
        "/py",
        "-I",
        "-S",
        "/.reprobox/shim.py",
        "/.reprobox-out",
        *(["/run/secrets"] if secrets else []),
        "--",
        *spec.argv,
    ]
    return {
        "Config": {
            "Hostname": spec.hostname,
            "User": f"{os.getuid()}:{os.getgid()}",
            "WorkingDir": os.path.normpath(f"/work/{spec.workdir}"),
            "Entrypoint": program[:1],
            "Cmd": program[1:],
            "Healthcheck": {"Test": ["NONE"]},
            "StopSignal": "SIGTERM",
            "Labels": {"dev.reprobox.run": run_dir.name, "dev.reprobox.store": "/store"},
        },
        "HostConfig": {
            "NetworkMode": spec.network,
            "ReadonlyRootfs": not spec.writable_root,
            "CapDrop": ["ALL"],
            "CapAdd": list(spec.capabilities) or None,
            "SecurityOpt": ["no-new-privileges"],
            "PidsLimit": limits.pids,
            "Memory": memory,
            "MemorySwap": memory,
            "NanoCpus": round((limits.cpus or 0) * 1e9),
            "ShmSize": units.bytes_of(limits.shm_size),
            "Tmpfs": dict.fromkeys(("/tmp", "/var/tmp", "/home/reprobox"), tmpfs),
            "ExtraHosts": [f"{spec.hostname}:127.0.0.1"] if spec.network == "none" else None,
            "Ulimits": [{"Name": "core", "Hard": 0, "Soft": 0}],
        },
    }


CLIENT_ONLY = {
    "AttachStdout",
    "AttachStderr",
    "AttachStdin",
    "Image",
    "Mounts",
    "Env",
    "LogConfig",
    "RestartPolicy",
    "Init",
}
"""What a bare request says otherwise for reasons of its client, or what is compared by its parts."""


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spec=SPECS)
def test_every_flag_variable_and_mount_follows_from_the_runspec(
    spec: RunSpec,
    engine: DockerEngine,
    client: docker.DockerClient,
    tiny_image: str,
    bare: dict[str, Any],
    tmp_path: Path,
) -> None:
    run_dir, secrets = tmp_path / "20261120-1-run", tmp_path / "in memory" if spec.secrets else None
    for name in ("work", "box", "out", "etc", "../in memory"):
        (run_dir / name).mkdir(parents=True, exist_ok=True)
    for name in ("passwd", "group"):
        (run_dir / "etc" / name).touch()
    made = engine.create(
        container_spec.container(
            spec,
            name=f"reprobox-{run_dir.name}",
            store="/store",
            image=tiny_image,
            python="/py",
            run_dir=run_dir,
            inputs={pin.path: str(tmp_path) for pin in spec.inputs},
            secrets=secrets,
        )
    )
    try:
        seen = client.api.inspect_container(made)
    finally:
        engine.remove(made)
    for part, expected in follows(spec, run_dir, secrets).items():
        for key, value in seen[part].items():
            if key not in CLIENT_ONLY:
                wanted = expected.get(key, bare[part].get(key))
                assert (value or None) == (wanted or None), (part, key)
    image_env = bare["Config"]["Env"] or []
    assert {*seen["Config"]["Env"]} - {*image_env} == {
        f"{name}={value}" for name, value in spec.env.items()
    } - {*image_env}
    fixed = {
        ("/work", True),
        ("/.reprobox", False),
        ("/.reprobox-out", True),
        ("/etc/passwd", False),
        ("/etc/group", False),
    }
    mounts = {
        (mount["Destination"], mount["RW"]) for mount in seen["Mounts"] if mount["Type"] == "bind"
    }
    asked = {(pin.path, False) for pin in spec.inputs} | (
        {("/run/secrets", False)} if secrets else set()
    )
    assert mounts == fixed | asked
    assert {mount["Type"] for mount in seen["Mounts"]} == {"bind"}
    host = seen["HostConfig"]
    assert (host["RestartPolicy"]["Name"], host["AutoRemove"], host["Privileged"]) == (
        "no",
        False,
        False,
    )
    assert (host["Binds"], host["Devices"] or [], host["PidMode"], host["UsernsMode"]) == (
        None,
        [],
        "",
        "",
    )


def test_a_run_carries_every_restriction_and_torch_like_work_goes_on(
    project: Project, client: docker.DockerClient
) -> None:
    project.write(
        "train.py",
        "import ctypes, getpass, multiprocessing, os, pwd, socket, sys, tempfile\n"
        "from multiprocessing import shared_memory\n"
        "assert getpass.getuser() and pwd.getpwuid(os.getuid()).pw_dir == os.path.expanduser('~')\n"
        "open(os.path.expanduser('~/.cache-probe'), 'w').close()\n"
        "assert socket.gethostbyname(socket.gethostname()) == '127.0.0.1'\n"
        "with multiprocessing.Pool(2) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]\n"
        "block = shared_memory.SharedMemory(create=True, size=300 << 20); block.buf[0] = 1; "
        "block.close(); block.unlink()\n"
        "copy = tempfile.mktemp(suffix='.so')\n"
        "libc = next(line.split()[-1] for line in open('/proc/self/maps') if 'libc.so' in line or "
        "'libc-' in line)\n"
        "open(copy, 'wb').write(open(libc, 'rb').read()); os.chmod(copy, 0o755)\n"
        "ctypes.CDLL(copy)\n"
        "status = dict(line.split(':\\t', 1) for line in open('/proc/self/status') if ':\\t' in "
        "line)\n"
        "assert int(status['CapEff'], 16) == int(status['CapBnd'], 16) == 0 and "
        "status['NoNewPrivs'].strip() == '1'\n"
        "assert status['Seccomp'].strip() == '2'\n"
        "assert os.listdir('/sys/class/net') == ['lo']\n"
        "try: open('/usr/probe', 'w')\n"
        "except OSError as error: print(error.errno)\n"
        "while not os.path.exists('go'): pass\n",
    )
    project.commit()
    process = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "run", "config.yaml"],
        cwd=project.top,
        env=project.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == b"30\n", (line, process.communicate())
    (run,) = (project.top / ".reprobox/runs").iterdir()
    seen = client.api.inspect_container(f"reprobox-{run.name}")
    spec = json.loads((run / "intent.json").read_bytes())["runspec"]
    host = seen["HostConfig"]
    assert host["NetworkMode"] == spec["network"] == "none"
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]) == (
        True,
        ["ALL"],
        ["no-new-privileges", seccomp.option()],
    )
    assert (host["PidsLimit"], seen["Config"]["User"]) == (
        spec["resources"]["pids"],
        f"{os.getuid()}:{os.getgid()}",
    )
    assert not any("docker.sock" in mount.get("Source", "") for mount in seen["Mounts"])
    (run / "work" / "go").touch()
    assert process.wait(60) == 0, process.stderr
    process.communicate()
