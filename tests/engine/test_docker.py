"""What a record keeps of a Docker engine, from its answers. A stand-in answers at `Link`; the other
files of this room have a real engine.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from reprobox.engine.docker import DockerEngine
from reprobox.engine.link import Link

VERSION = {
    "ApiVersion": "1.41",
    "Version": "20.10.24",
    "Platform": {"Name": "Docker Engine - Community"},
    "Components": [{"Name": "Engine", "Version": "x"}, {"Name": "runc", "Version": "1.1.5"}],
}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> tuple[DockerEngine, dict[str, Any]]:
    """An engine and what it answers to `GET /info`."""
    info: dict[str, Any] = {"ID": "ab", "DockerRootDir": "/var/lib/docker"}
    monkeypatch.setattr(Link, "version", lambda _: VERSION)
    monkeypatch.setattr(Link, "info", lambda _: info)
    return DockerEngine("unix:///x"), info


def test_what_a_record_keeps_are_values_of_json(
    engine: tuple[DockerEngine, dict[str, Any]],
) -> None:
    one, info = engine
    info |= {
        "Runtimes": {"runc": {}, "nvidia": {}},
        "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
        "Driver": "overlayfs",
        "LiveRestoreEnabled": True,
    }
    found = one.info()
    assert json.loads(json.dumps(found)) == found
    assert (found["name"], found["version"], found["api"]) == (
        "Docker Engine - Community",
        "20.10.24",
        "1.41",
    )
    assert (found["runc"], found["containerd"], found["storage"]) == ("1.1.5", "", "overlayfs")
    assert found["runtimes"] == ["nvidia", "runc"]
    assert (found["containerd_store"], found["live_restore"]) == (True, True)


def test_an_engine_that_says_little_is_recorded_too(
    engine: tuple[DockerEngine, dict[str, Any]],
) -> None:
    found = engine[0].info()
    assert (found["containerd_store"], found["live_restore"], found["cdi"]) == (False, False, [])
    assert found["cgroup"]["version"] == "1"


def test_an_engine_is_told_from_others_once_and_again_after_it_was_marked(
    engine: tuple[DockerEngine, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from reprobox.engine import mark

    marks = iter(["", "made"])
    monkeypatch.setattr(mark, "read", lambda _: next(marks))
    monkeypatch.setattr(mark, "make", lambda _: "made")
    one = engine[0]
    assert one.home() is one.home()
    assert (one.home().id, one.home().root, one.home().mark) == ("ab", "/var/lib/docker", "")
    assert one.mark() == "made"
    assert one.home().mark == "made"


@pytest.mark.parametrize(("address", "local"), [("unix:///x", True), ("tcp://h:1", False)])
def test_whether_it_is_on_this_host(address: str, local: bool) -> None:
    assert DockerEngine(address).is_local is local
    assert DockerEngine(address).address == address
