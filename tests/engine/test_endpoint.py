"""Where the engine is, as docker's own command line decides it."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

import pytest

from reprobox.engine import endpoint, engines
from reprobox.engine.endpoint import DEFAULT_URL, Endpoint
from reprobox.errors import EngineUnavailable


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A docker configuration with the contexts `lab` (TLS) and `rootless`."""
    for name, host in (("lab", "tcp://lab:2376"), ("rootless", "unix:///run/user/1/docker.sock")):
        key = hashlib.sha256(name.encode()).hexdigest()
        meta = tmp_path / "contexts/meta" / key
        meta.mkdir(parents=True)
        endpoints = {"docker": {"Host": host, "SkipTLSVerify": name == "lab"}}
        (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": endpoints}))
        if name == "lab":
            tls = tmp_path / "contexts/tls" / key / "docker"
            tls.mkdir(parents=True)
            (tls / "ca.pem").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("current", "more", "address"),
    [
        ("", {}, DEFAULT_URL),
        ("default", {}, DEFAULT_URL),
        ("rootless", {}, "unix:///run/user/1/docker.sock"),
        ("rootless", {"DOCKER_CONTEXT": "lab"}, "tcp://lab:2376"),
        ("rootless", {"DOCKER_CONTEXT": "default"}, DEFAULT_URL),
        ("rootless", {"DOCKER_CONTEXT": "lab", "DOCKER_HOST": "unix:///x"}, "unix:///x"),
    ],
)
def test_the_order_is_dockers(top: Path, current: str, more: dict[str, str], address: str) -> None:
    (top / "config.json").write_text(json.dumps({"currentContext": current, "auths": {}}))
    found = endpoint.find({"DOCKER_CONFIG": str(top), **more})
    assert found.address == address
    assert bool(found.where) == (address != DEFAULT_URL)


def test_the_tls_files_of_a_context(top: Path) -> None:
    found = endpoint.find({"DOCKER_CONFIG": str(top), "DOCKER_CONTEXT": "lab"})
    assert found.tls is not None
    assert (found.tls / "ca.pem").exists()
    assert found.verify is False


@pytest.mark.parametrize("text", ["{", "[]", '{"currentContext": "gone"}'])
def test_what_cannot_be_read_is_no_other_engine(top: Path, text: str) -> None:
    (top / "config.json").write_text(text)
    if text == "[]":
        assert endpoint.find({"DOCKER_CONFIG": str(top)}).address == DEFAULT_URL
        return
    with pytest.raises(EngineUnavailable):
        endpoint.find({"DOCKER_CONFIG": str(top)})


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
