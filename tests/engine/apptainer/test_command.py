"""What Apptainer is asked to do, and what is refused before it is asked."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from reprobox.engine.apptainer import command
from reprobox.engine.apptainer.command import Means
from reprobox.errors import ConfigError, EngineError
from reprobox.model.outcome import Container, Mount

RUN = Container(
    image="x",
    argv=("/opt/python", "-I", "-S", "/shim.py", "--", "prog", "$(id)"),
    name="n",
    env={"B": "2", "A": "$(id), x"},
    workdir="/work",
    mounts=(
        Mount(source='/a,b "c"', target="/data"),
        Mount(source="/w", target="/work", read_only=False),
    ),
    tmpfs={"/tmp": "rw,exec,size=1g", "/home/reprobox": "size=512m"},
    pids=100,
)
USER = Means(program="/bin/apptainer", config=Path("/c"), root=False, limits=frozenset())
ROOT = replace(USER, root=True, limits=frozenset({"memory", "cpus", "pids"}))


def argv(container: Container, means: Means = USER) -> list[str]:
    return command.arguments(container, Path("/box"), Path("/own"), means)


def following(flags: list[str], name: str) -> list[str]:
    return [value for flag, value in pairwise(flags) if flag == name]


def test_a_run_is_shut_off() -> None:
    flags = argv(RUN)
    assert {"--containall", "--cleanenv", "--no-home", "--no-eval", "--no-init", "--net"} <= set(
        flags
    )
    assert following(flags, "--network") == ["none"]
    assert following(flags, "--no-mount") == ["bind-paths"]
    assert following(flags, "--hostname") == ["reprobox"]
    assert not {"--writable", "--writable-tmpfs", "--bind", "--env", "--add-caps"} & set(flags)
    assert following(flags, "--scratch") == ["/tmp", "/home/reprobox"]
    mounts = following(flags, "--mount")
    assert '"source=/a,b ""c"""' in ",".join(mounts)
    assert "type=bind,source=/w,destination=/work" in mounts
    assert all(one.endswith(",ro") for one in mounts if "/work" not in one)
    assert flags[-len(RUN.argv) :] == list(RUN.argv)


def test_the_environment_is_not_on_the_command_line() -> None:
    assert not any("$(id), x" in part for part in argv(RUN))
    assert command.environment(RUN) == b"/tmp\0/home/reprobox\0\0A=$(id), x\0B=2"


def test_what_is_loosened_is_asked_for() -> None:
    loose = replace(RUN, network="host", read_only=False)
    flags = argv(loose)
    assert "--net" not in flags
    assert "--writable-tmpfs" in flags
    assert any("source=/etc/resolv.conf" in one for one in following(flags, "--mount"))
    given = argv(replace(RUN, capabilities=("SYS_PTRACE",)), ROOT)
    assert following(given, "--add-caps") == ["SYS_PTRACE"]
    assert "--no-privs" in argv(RUN, ROOT)


def test_limits_are_held_or_refused() -> None:
    flags = argv(replace(RUN, memory=1 << 30, cpus=1.5), ROOT)
    assert following(flags, "--memory") == following(flags, "--memory-swap") == [str(1 << 30)]
    assert following(flags, "--cpus") == ["1.5"]
    assert following(flags, "--pids-limit") == ["100"]
    assert "--pids-limit" not in argv(RUN)
    for limit in ({"memory": 1 << 30}, {"cpus": 1.0}):
        with pytest.raises(EngineError, match=f"limit of {next(iter(limit))}"):
            argv(replace(RUN, **limit))
    with pytest.raises(EngineError, match="capability"):
        argv(replace(RUN, capabilities=("SYS_PTRACE",)))


def test_directories_in_memory_have_their_size() -> None:
    lines = command.settings(RUN, systemd=False).splitlines()
    assert f"sessiondir max size = {1024 + 512 + 16}" in lines
    assert "systemd cgroups = no" in lines
    assert "systemd cgroups = yes" in command.settings(RUN, systemd=True).splitlines()
    assert not [line for line in lines if line.startswith("bind path")]


def test_the_image_has_variables_too() -> None:
    env = command.merged(RUN, {"Env": ["PATH=/venv", "A=image", "NO_VALUE"]})
    assert env == {
        "PATH": "/venv",
        "HOSTNAME": "reprobox",
        "A": "$(id), x",
        "B": "2",
        "NO_VALUE": "",
    }
    assert command.merged(RUN, {})["PATH"].startswith("/usr/local/sbin:")


def test_other_programs_get_their_environment_too() -> None:
    flags = argv(replace(RUN, argv=("/bin/sh", "-c", "true")))
    assert flags[-5:] == ["A=$(id), x", "B=2", "/bin/sh", "-c", "true"]


def test_what_cannot_be_passed_on() -> None:
    with pytest.raises(ConfigError):
        argv(replace(RUN, argv=("a\0b",)))
    for name in ("a=b", "", "a\0"):
        with pytest.raises(ConfigError):
            command.environment(replace(RUN, env={name: ""}))
