"""The connection to an engine, without one: what it says is judged, and asked once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from reprobox.engine import link, socket_client
from reprobox.engine.link import Link
from reprobox.errors import EngineUnavailable


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """An engine at a unix socket that says what it is; what it was asked."""
    found: list[tuple[str, str]] = []

    def ask(path: str, request: Any, seconds: float | None) -> Any:
        found.append((request.method, request.path))
        return {"ApiVersion": "1.41"} if request.path == "/version" else {"ID": "x"}

    monkeypatch.setattr(socket_client, "ask", ask)
    return found


def test_version_and_info_are_asked_once_and_calls_have_the_version(
    asked: list[tuple[str, str]],
) -> None:
    one = Link("unix:///run/x.sock")
    for _ in range(2):
        assert one.version() == {"ApiVersion": "1.41"}
        assert one.info() == {"ID": "x"}
    one.ask("POST", "/containers/create", body={})
    assert asked == [
        ("GET", "/version"),
        ("GET", "/v1.41/info"),
        ("POST", "/v1.41/containers/create"),
    ]


def test_threads_that_ask_at_once_share_the_answer_and_the_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    one, waiting = Link("unix:///run/x.sock"), threading.Event()

    def ask(path: str, request: Any, seconds: float | None) -> Any:
        asked.append(request.path)
        assert waiting.wait(30)
        raise ConnectionRefusedError("no engine")

    monkeypatch.setattr(socket_client, "ask", ask)
    found: list[BaseException] = []

    def version() -> None:
        try:
            one.version()
        except EngineUnavailable as failure:
            found.append(failure)

    class Lock:
        """Says that a second thread has come."""

        def __init__(self) -> None:
            self.real, self.came = threading.Lock(), 0

        def __enter__(self) -> None:
            self.came += 1
            if self.came == 2:
                waiting.set()
            self.real.acquire()

        def __exit__(self, *_: object) -> None:
            self.real.release()

    one._first = Lock()  # type: ignore[assignment]
    threads = [threading.Thread(target=version) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 2
    assert asked == ["/version"], "who waited for a failure has that failure"
    version()
    assert asked == ["/version"] * 2, "who comes later asks again"


@pytest.mark.parametrize(
    ("url", "path"),
    [("unix:///run/x.sock", "/run/x.sock"), ("tcp://h:2375", None), ("ssh://h", None)],
)
def test_only_a_unix_socket_has_a_path(url: str, path: str | None) -> None:
    assert Link(url).socket_path == path
    assert Link(url).address == url


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"ApiVersion": "1.39"}, "too old"),
        ({"ApiVersion": "1.4"}, "too old"),
        ({"ApiVersion": "new"}, "not Docker Engine"),
        ({}, "not Docker Engine"),
        ("<html>", "not Docker Engine"),
    ],
)
def test_what_cannot_be_used_says_so(said: object, why: str) -> None:
    with pytest.raises(EngineUnavailable, match=why):
        link._require_new_enough(said)


@pytest.mark.parametrize("version", ["1.40", "1.100", "2.0"])
def test_new_engines_are_new_enough(version: str) -> None:
    link._require_new_enough({"ApiVersion": version})
    with pytest.raises(EngineUnavailable):
        link._require_new_enough({"ApiVersion": f"0.{version}"})
