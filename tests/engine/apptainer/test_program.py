"""An installation of Apptainer, by what the program prints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reprobox.engine.apptainer import program
from reprobox.engine.apptainer.program import Program
from reprobox.errors import EngineError, EngineUnavailable


def made(folder: Path, script: str) -> Program:
    place = folder / "apptainer"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return Program(str(place))


@pytest.mark.parametrize("version", ["1.1.0", "1.4.2-1.el9", "2.0"])
def test_its_version_is_what_it_says(tmp_path: Path, version: str) -> None:
    assert made(tmp_path, f"echo {version}").version == version


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 1.0.3", "1.1 or newer"),
        ("echo singularity-ce", "1.1 or newer"),
        ("echo broken >&2; exit 3", "broken"),
    ],
)
def test_what_cannot_be_used_says_so(tmp_path: Path, script: str, why: str) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        _ = made(tmp_path, script).version
    assert why in caught.value.why
    assert "apptainer.org" in caught.value.next_step
    with pytest.raises(EngineUnavailable, match="does not start"):
        _ = Program(str(tmp_path / "absent")).version


def test_settings_of_a_setuid_installation_cannot_be_chosen_by_ordinary_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = made(tmp_path, "echo APPTAINER_SUID_INSTALL=1; echo A=b=c")
    assert one.built["A"] == "b=c"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    one.require_settings()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EngineError, match="setuid"):
        one.require_settings()
    made(tmp_path, "echo APPTAINER_SUID_INSTALL=0").require_settings()


def test_its_own_variables_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPTAINER_BIND", "/etc")
    monkeypatch.setenv("TMPDIR", "/t")
    found = program.environment()
    assert "APPTAINER_BIND" not in found
    assert found["TMPDIR"] == "/t"


def test_where_it_is(tmp_path: Path) -> None:
    made(tmp_path, "true")
    assert program.found({"PATH": str(tmp_path)}) == str(tmp_path / "apptainer")
    assert program.found({"PATH": str(tmp_path / "none")}) is None


@pytest.mark.parametrize(
    ("controllers", "limits"),
    [("cpuset cpu memory pids", {"memory", "cpus", "pids"}), ("memory", {"memory"}), ("", set())],
)
def test_limits_are_those_whose_controllers_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, controllers: str, limits: set[str]
) -> None:
    (tmp_path / "cgroup.controllers").write_text(controllers)
    monkeypatch.setattr(program, "_CGROUPS", tmp_path)
    assert program.cgroup_version() == 2
    assert program.held(root=True) == limits
    monkeypatch.setattr(program, "systemd", lambda: True)
    assert program.held(root=False) == set()
    uid = os.getuid()
    service = tmp_path / f"user.slice/user-{uid}.slice/user@{uid}.service"
    service.mkdir(parents=True)
    (service / "cgroup.controllers").write_text(controllers)
    assert program.held(root=False) == limits
    monkeypatch.setattr(program, "systemd", lambda: False)
    assert program.held(root=False) == set()
