"""Plain requests over the engine's socket: the same answers as docker-py's, and none that was cut."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reprobox.engine import socket_client
from reprobox.engine.docker import DockerEngine
from reprobox.errors import EngineError, EngineUnavailable
from reprobox.model.outcome import Container

BODY = b'{"Id": "sha256:1", "RootFS": {"Layers": ["sha256:2"]}}'
VERSION = b'HTTP/1.0 200 OK\r\n\r\n{"ApiVersion": "1.41"}'


class Liar:
    """Answers the first request with a version, each later one with the same bytes; hangs up."""

    def __init__(self, path: str, answer: bytes, first: bytes = VERSION) -> None:
        self.url, self._answers, self.asked = f"unix://{path}", [first, answer], list[bytes]()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(path)
        self._door.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._door.accept()
            except OSError:
                return
            with caller:
                if asked := caller.recv(1 << 16):
                    self.asked.append(asked)
                    caller.sendall(self._answers.pop(0) if self._answers[1:] else self._answers[0])

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join()


@pytest.fixture
def lie(tmp_path: Path) -> Iterator[Callable[..., Liar]]:
    made = []

    def begin(answer: bytes, first: bytes = VERSION) -> Liar:
        folder = tempfile.mkdtemp(prefix="rbx-", dir="/tmp")
        made.append(Liar(f"{folder}/sock", answer, first))
        return made[-1]

    yield begin
    for one in made:
        one.close()


@pytest.mark.engine
def test_it_says_what_docker_py_says(engine: DockerEngine, tiny_image: str) -> None:
    client = engine._link.quick()
    with_docker_py = client.inspect_image(tiny_image)
    found = engine.inspect(tiny_image)
    assert found is not None
    assert (found.id, list(found.diff_ids)) == (
        with_docker_py["Id"],
        with_docker_py["RootFS"]["Layers"],
    )
    assert engine._link.info()["ID"] == client.info()["ID"]
    assert engine._link.version() == client.version()
    assert DockerEngine().inspect("reprobox-tests/none:never") is None


@pytest.mark.engine
def test_a_container_from_its_creation_to_its_removal_without_docker_py(tiny_image: str) -> None:
    program = f"""
import sys
from reprobox.engine.docker import DockerEngine
from reprobox.model.outcome import Container
engine = DockerEngine()
made = engine.create(Container(image={tiny_image!r}, argv=("/no such",), name="reprobox-plain-%s"))
try:
    engine.start(made)
    there = engine.wait(made)
    print(there.status, there.exit_code, engine.find({{"a": "no such label"}}))
    engine.kill(made)
    engine.stop(made, 1)
finally:
    engine.remove(made)
    engine.remove(made)
print(engine.state(made), sorted({{"docker", "urllib3", "requests", "ssl"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program % os.getpid()],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout == "created 127 []\nNone []\n", done.stderr


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x01\x02",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + BODY[:-5],
        b"HTTP/1.0 200 OK\r\nContent-Length: 999\r\n\r\n" + BODY,
        b"nonsense\r\n\r\n" + BODY,
    ],
)
def test_an_answer_that_was_cut_is_no_answer(answer: bytes, lie: Callable[..., Liar]) -> None:
    with pytest.raises(EngineUnavailable):
        DockerEngine(lie(answer).url).inspect("some/image:tag")
    with pytest.raises(EngineUnavailable):
        DockerEngine(lie(b"", first=answer).url).info()


@pytest.mark.parametrize(
    ("body", "words"),
    [(b'{"message": "broken"}', "broken"), (b"<html>another", "<html>another"), (b"[]", "[]")],
)
def test_the_words_of_a_refusal(body: bytes, words: str, lie: Callable[..., Liar]) -> None:
    liar = lie(b"HTTP/1.0 500 No\r\n\r\n" + body)
    with pytest.raises(EngineError) as caught:
        DockerEngine(liar.url).inspect("some/image:tag")
    assert caught.value.why == words


def test_what_is_sent(lie: Callable[..., Liar]) -> None:
    liar = lie(b"HTTP/1.0 201 Created\r\nContent-Length: 12\r\n\r\n" + b'{"Id": "x1"}')
    engine = DockerEngine(liar.url)
    odd = Container(image="a/b@sha256:" + "1" * 64, argv=("x",), name="a", env={"A": "é\n"})
    assert engine.create(odd) == "x1"
    head, _, body = next(sent for sent in liar.asked if sent.startswith(b"POST")).partition(
        b"\r\n\r\n"
    )
    assert head.splitlines()[0] == b"POST /v1.41/containers/create?name=a HTTP/1.0"
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'"A=\\u00e9\\n"' in body
    assert liar.asked[0].startswith(b"GET /version HTTP/1.0\r\n")


def test_a_name_with_a_digest_goes_into_the_address_as_it_is(lie: Callable[..., Liar]) -> None:
    liar = lie(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    found = DockerEngine(liar.url).inspect("host:5000/a@sha256:11")
    assert found is not None
    assert found.diff_ids == ("sha256:2",)
    assert liar.asked[1].startswith(b"GET /v1.41/images/host:5000/a@sha256:11/json HTTP/1.0")


def test_no_process_listens(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        socket_client.ask(
            str(tmp_path / "none"), socket_client.Request("GET", "/version", {}, None), 1
        )
    with pytest.raises(EngineUnavailable):
        DockerEngine(f"unix://{tmp_path}/none").inspect("some/image:tag")
