"""Which engine is chosen, and how it is chosen again."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from reprobox.engine import engines
from reprobox.engine.endpoint import Endpoint
from reprobox.engine.engines import ENGINES, kind_of
from reprobox.errors import EngineUnavailable


def test_podman_is_taken_where_docker_is_not_and_when_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket_ = tmp_path / "podman/podman.sock"
    socket_.parent.mkdir()
    socket_.touch()
    here = {"XDG_RUNTIME_DIR": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)}
    named = {**here, "REPROBOX_ENGINE": "podman"}
    assert engines.find(named).address == f"unix://{socket_}"
    assert engines.find({**here, "DOCKER_HOST": "unix:///x"}).address == "unix:///x"
    gone = Endpoint(address=f"unix://{tmp_path}/none")
    monkeypatch.setattr(engines.endpoint, "find", lambda _: gone)
    assert engines.find(here).address == f"unix://{socket_}"
    with pytest.raises(EngineUnavailable, match="names the engine 'charliecloud'"):
        engines.find({"REPROBOX_ENGINE": "charliecloud"})
    socket_.unlink()
    monkeypatch.setattr(engines.os, "access", lambda *_: False)
    with pytest.raises(EngineUnavailable, match="names podman, and it is not here"):
        engines.find(named)
    assert engines.find(here) == gone


def test_apptainer_is_taken_last_and_when_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "apptainer"
    program.touch(0o755)
    here = {"PATH": str(tmp_path), "REPROBOX_HOME": "/h", "DOCKER_CONFIG": str(tmp_path)}
    named = {**here, "REPROBOX_ENGINE": "apptainer"}
    assert engines.find(named).address == "apptainer:///h/apptainer"
    assert engines.find({**named, "REPROBOX_APPTAINER": "/node"}).address == "apptainer:///node"
    gone = Endpoint(address=f"unix://{tmp_path}/none")
    monkeypatch.setattr(engines.endpoint, "find", lambda _: gone)
    monkeypatch.setattr(engines, "_podman", lambda _: None)
    monkeypatch.setattr(engines.os, "access", lambda path, *_: str(path).startswith(str(tmp_path)))
    assert engines.find(here).address == "apptainer:///h/apptainer"
    program.unlink()
    assert engines.find(here) == gone
    with pytest.raises(EngineUnavailable, match="names apptainer, and it is not here"):
        engines.find(named)


def test_an_address_says_which_engine_it_is(tmp_path: Path) -> None:
    assert type(engines.connect(f"apptainer://{tmp_path}")).__name__ == "ApptainerEngine"
    assert engines.connect(f"apptainer://{tmp_path}").address == f"apptainer://{tmp_path}"
    assert type(engines.connect("unix:///x")).__name__ == "DockerEngine"
    assert engines.connect("unix:///x").address == "unix:///x"


def test_an_engine_is_chosen_again_by_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apptainer").touch(0o755)
    for address in ("unix:///my dir/x", f"apptainer://{tmp_path}/my dir"):
        chosen = dict(word.split("=", 1) for word in shlex.split(engines.choosing(address)))
        assert engines.find({"PATH": str(tmp_path), **chosen}).address == address


def test_what_answers_is_told_by_its_components() -> None:
    podman = {"Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}]}
    assert kind_of(podman) is ENGINES["podman"]
    assert kind_of({"Components": [{"Name": "Engine"}]}) is ENGINES["docker"]
    assert kind_of({}) is ENGINES["docker"]
