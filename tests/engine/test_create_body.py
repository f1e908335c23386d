"""A container as the engine is told: every flag, and what is refused."""

from __future__ import annotations

import pytest

from reprobox.engine import create_body, passwd
from reprobox.errors import ConfigError
from reprobox.model.outcome import Container, Mount

FULL = Container(
    image="sha256:" + "1" * 64,
    argv=("/opt/venv/bin/python", "-I", "x.py", "--a b"),
    name="reprobox-run",
    labels={"reprobox.run": "r"},
    env={"B": "2", "A": "x=y"},
    workdir="/work/sub dir",
    user="1000:1000",
    mounts=(
        Mount(source='/a:b,c\n"d', target="/work", read_only=False),
        Mount(source="/data", target="/data"),
    ),
    tmpfs={"/tmp": create_body.tmpfs("4g")},
    gpus="all",
    cpus=1.5,
    memory=1 << 30,
    shm_size=2 << 30,
    pids=4096,
    capabilities=("SYS_PTRACE",),
)
GOLDEN = {
    "Image": "sha256:" + "1" * 64,
    "Entrypoint": ["/opt/venv/bin/python"],
    "Cmd": ["-I", "x.py", "--a b"],
    "Env": ["A=x=y", "B=2"],
    "WorkingDir": "/work/sub dir",
    "User": "1000:1000",
    "Hostname": "reprobox",
    "Labels": {"reprobox.run": "r"},
    "StopSignal": "SIGTERM",
    "Healthcheck": {"Test": ["NONE"]},
    "Tty": False,
    "OpenStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "HostConfig": {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Mounts": [
            {"Type": "bind", "Source": '/a:b,c\n"d', "Target": "/work", "ReadOnly": False},
            {"Type": "bind", "Source": "/data", "Target": "/data", "ReadOnly": True},
        ],
        "Tmpfs": {"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=4g"},
        "Init": False,
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "AutoRemove": False,
        "IpcMode": "private",
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
        "CapDrop": ["ALL"],
        "CapAdd": ["SYS_PTRACE"],
        "SecurityOpt": ["no-new-privileges"],
        "NanoCpus": 1_500_000_000,
        "Memory": 1 << 30,
        "MemorySwap": 1 << 30,
        "ShmSize": 2 << 30,
        "PidsLimit": 4096,
        "ExtraHosts": ["reprobox:127.0.0.1"],
        "DeviceRequests": [{"Count": -1}],
    },
}


def test_golden() -> None:
    assert create_body.create_body(FULL, devices=({"Count": -1},)) == GOLDEN


def test_a_build_step_keeps_what_package_scripts_need() -> None:
    step = Container(
        image="i",
        argv=("sh",),
        name="n",
        capabilities=("all",),
        network="bridge",
        read_only=False,
        hostname="h",
    )
    host = create_body.create_body(step, log_size=None)["HostConfig"]
    assert (
        not {
            "CapDrop",
            "CapAdd",
            "SecurityOpt",
            "ExtraHosts",
            "DeviceRequests",
            "Memory",
            "NanoCpus",
            "PidsLimit",
        }
        & host.keys()
    )
    assert (host["ReadonlyRootfs"], host["NetworkMode"], host["LogConfig"]["Config"]) == (
        False,
        "bridge",
        {},
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mounts": (Mount(source="/data/\udcff", target="/d"),)}, "not UTF-8"),
        ({"env": {"A": "\udcff"}}, "not UTF-8"),
        ({"argv": ("a", "b\0c")}, "NUL"),
        ({"env": {"A=B": "x"}}, "name of an environment variable"),
        ({"env": {"": "x"}}, "name of an environment variable"),
        ({"labels": {"\udc80": "x"}}, "not UTF-8"),
    ],
)
def test_what_the_engine_cannot_be_told_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        create_body.create_body(Container(**{"image": "i", "argv": ("x",), "name": "n", **change}))


def test_the_caller_has_a_name() -> None:
    lines = passwd.passwd(1234, 99).splitlines()
    assert lines[0] == "reprobox:x:1234:99:reprobox:/home/reprobox:/bin/sh"
    assert [line.split(":")[0] for line in lines[1:]] == ["root", "nobody"]
    assert passwd.group(99).splitlines() == ["reprobox:x:99:", "root:x:0:", "nogroup:x:65534:"]
