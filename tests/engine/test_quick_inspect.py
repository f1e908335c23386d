"""The look-up without docker-py: what it says, and that every unclear answer is left to docker-py."""

from __future__ import annotations

import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprobox.engine import quick_inspect
from reprobox.engine.docker import DockerEngine
from reprobox.errors import EngineError, EngineUnavailable

BODY = b'{"Id": "sha256:1", "RootFS": {"Layers": ["sha256:2"]}}'


class Liar:
    """Answers each connection with the same bytes, whatever is asked, and hangs up."""

    def __init__(self, path: str, answer: bytes) -> None:
        self.url, self._answer, self.asked = f"unix://{path}", answer, 0
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
                if caller.recv(1 << 16):
                    self.asked += 1
                    caller.sendall(self._answer)

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join()


@pytest.fixture
def place() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="rbx-", dir="/tmp") as folder:
        yield f"{folder}/sock"


@pytest.mark.engine
def test_it_says_what_docker_py_says(engine: DockerEngine, tiny_image: str) -> None:
    fresh = DockerEngine()
    glanced = fresh.inspect(tiny_image)
    assert fresh._link.unused_socket() is not None
    assert glanced == engine.inspect(tiny_image)
    fresh.info()
    assert fresh._link.unused_socket() is None
    assert fresh.inspect(tiny_image) == glanced
    assert DockerEngine().inspect("reprobox-tests/none:never") is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x01\x02",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + BODY[:-5],
        b"HTTP/1.0 200 OK\r\nContent-Length: 999\r\n\r\n" + BODY,
        b"HTTP/1.0 200 OK\r\n\r\n[]",
        b"HTTP/1.0 500 No\r\n\r\n" + b'{"message": "broken"}',
        b"HTTP/1.0 404 Not Found\r\n\r\n<html>another program</html>",
        b"nonsense\r\n\r\n" + BODY,
    ],
)
def test_an_unclear_answer_is_asked_again_and_told_as_docker_py_tells_it(
    answer: bytes, place: str
) -> None:
    liar = Liar(place, answer)
    try:
        with pytest.raises(quick_inspect.UnclearError):
            quick_inspect.image(place, "some/image:tag", 5)
        with pytest.raises((EngineUnavailable, EngineError)):
            DockerEngine(liar.url).inspect("some/image:tag")
        assert liar.asked > 2
    finally:
        liar.close()


def test_clear_answers(place: str) -> None:
    liar = Liar(place, b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    try:
        assert quick_inspect.image(place, "x", 5) == {
            "Id": "sha256:1",
            "RootFS": {"Layers": ["sha256:2"]},
        }
    finally:
        liar.close()


def test_nobody_listens(place: str) -> None:
    with pytest.raises(EngineUnavailable):
        DockerEngine(f"unix://{place}").inspect("some/image:tag")


@pytest.mark.engine
def test_it_needs_little_processor_time(tiny_image: str) -> None:
    """An unchanged `build` is one of these. Processor time, because the wall's depends on the
    machine's other work.
    """
    program = (
        "import sys; from reprobox.engine.docker import DockerEngine; "
        f"assert DockerEngine().inspect({tiny_image!r}); assert 'docker' not in sys.modules and "
        "'urllib3' not in sys.modules"
    )
    assert (
        statistics.median(_processor_time(program) for _ in range(5))
        - statistics.median(_processor_time("pass") for _ in range(5))
        < 0.15
    )


def _processor_time(program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
