"""Where the engine is, as docker's own command line decides it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from reprobox.engine import endpoint
from reprobox.engine.endpoint import DEFAULT_URL
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
