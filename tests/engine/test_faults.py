"""Engines that are not there, may not be used, or are not engines: each with its own next step."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprobox.engine import faults, link
from reprobox.engine.docker import DockerEngine
from reprobox.errors import EngineUnavailable


def refusal(url: str | None = None) -> EngineUnavailable:
    with pytest.raises(EngineUnavailable) as caught:
        DockerEngine(url).info()
    return caught.value


def test_no_socket(tmp_path: Path) -> None:
    assert "not running" in refusal(f"unix://{tmp_path}/none.sock").what


def test_nobody_listens(tmp_path: Path) -> None:
    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    found = refusal(f"unix://{path}")
    assert "not running" in found.what
    assert (
        "dockerd" in found.next_step
        or "systemctl start docker" in found.next_step
        or "install" in found.next_step
    )


def test_docker_host_is_respected_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    found = refusal()
    assert str(tmp_path) in found.what
    assert "unset DOCKER_HOST" in found.next_step


@pytest.mark.parametrize("host", ["rubbish://x", "tcp://no-such-host.invalid:1"])
def test_docker_host_is_wrong(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert "DOCKER_HOST" in str(refusal())


def test_not_permitted(tmp_path: Path) -> None:
    """As somebody who is not in docker's group."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        path.chmod(0o600)
        fault = PermissionError(13, "Permission denied")
        if os.getuid() != 0:
            os.chmod(path, 0)
            assert "docker group" in str(refusal(f"unix://{path}")) or "usermod" in str(
                refusal(f"unix://{path}")
            )
            return
        for parent in (tmp_path, *tmp_path.parents):
            if stat.S_IMODE(parent.stat().st_mode) & 0o005 != 0o005 and str(parent) != "/":
                parent.chmod(0o755)
        script = (
            "import os, sys\nfrom reprobox.engine.docker import DockerEngine\nfrom "
            "reprobox.errors import ReproboxError\n"
            "import docker.api.client, docker.utils, urllib3.exceptions, "
            "docker.errors\nos.setuid(65534)\n"
            "try:\n    DockerEngine(sys.argv[1]).info()\nexcept ReproboxError as error:\n    "
            "print(error)\n"
        )
        top = Path(link.__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-c", script, f"unix://{path}"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(top)},
        )
        assert "may not use Docker" in done.stdout, done.stderr
        assert "usermod -aG docker" in done.stdout
        assert "usermod" in faults.unavailable("x", fault).next_step


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A socket that is open and says nothing until the test does."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{tmp_path}/s")
        listening.listen()
        yield f"unix://{tmp_path}/s", listening


def test_an_engine_that_hangs(
    listener: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "FIRST_SECONDS", 0.3)
    assert "does not answer" in refusal(listener[0]).what


def answer(listening: socket.socket, reply: bytes) -> threading.Thread:
    """Answers one request, in a thread."""

    def serve() -> None:
        request = b""
        while not request:  # the first visitor only knocks
            connection, _ = listening.accept()
            with connection:
                request = connection.recv(65536)
                if request:
                    connection.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"", "connection to Docker"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "connection to Docker"),
        (b"SSH-2.0-OpenSSH\r\n", "connection to Docker"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "not Docker Engine"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"ApiVersion":"1.24"}', "too old"),
    ],
)
def test_something_else_listens(
    listener: tuple[str, socket.socket], reply: bytes, words: str
) -> None:
    thread = answer(listener[1], reply)
    assert words in str(refusal(listener[0]))
    thread.join()
