"""A child of our own that reads what others wrote: it answers, or it is said why not."""

from __future__ import annotations

import io
import json
import resource
import signal
import sys
from typing import Any

import pytest

from reprobox.kit import limited_child, proc
from reprobox.kit.limited_child import ChildFailed, Limits, ask


def answered(
    monkeypatch: pytest.MonkeyPatch, code: int, out: bytes = b"", err: bytes = b""
) -> list[Any]:
    """Puts an ended child in the place of a real one; what it was asked."""
    asked: list[Any] = []

    def run(argv: list[str], **said: Any) -> proc.Done:
        asked.append((argv, said))
        return proc.Done(argv=tuple(argv), code=code, out=out, err=err)

    monkeypatch.setattr(proc, "run", run)
    return asked


def test_the_request_and_the_limits_go_in_and_the_answer_comes_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = answered(monkeypatch, 0, b'{"a": 1}')
    assert ask("some.module", {"path": "x"}, Limits(cpu=5)) == {"a": 1}
    [(argv, said)] = asked
    assert argv[-2:] == ["-m", "some.module"]
    message = json.loads(said["stdin"])
    assert (message["request"], message["limits"]["cpu"]) == ({"path": "x"}, 5)
    assert "HOME" not in said["env"]


@pytest.mark.parametrize(
    ("code", "err", "why"),
    [
        (-signal.SIGALRM, b"", "timed out"),
        (-signal.SIGXCPU, b"", "timed out"),
        (-signal.SIGSEGV, b"", "ended with -11"),
        (1, b"Traceback\nMemoryError: all of it", "ended with 1: MemoryError: all of it"),
    ],
)
def test_a_child_without_an_answer_says_why(
    monkeypatch: pytest.MonkeyPatch, code: int, err: bytes, why: str
) -> None:
    answered(monkeypatch, code, err=err)
    with pytest.raises(ChildFailed, match=why):
        ask("some.module", {}, Limits())


def test_the_child_takes_its_limits_before_it_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: taken.append((kind, pair)))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    monkeypatch.setattr(signal, "alarm", lambda seconds: taken.append((-1, (seconds, seconds))))
    limits = {"memory": 1 << 40, "cpu": 7, "wall": 9, "written": 50}
    monkeypatch.setattr(
        sys, "stdin", io.StringIO(json.dumps({"limits": limits, "request": {"n": 2}}))
    )
    limited_child.serve(lambda request: [request["n"], len(taken)])
    assert json.loads(capsys.readouterr().out) == [2, 6]
    found = dict(taken)
    assert found[resource.RLIMIT_AS] == (100, 100)
    assert found[resource.RLIMIT_CPU] == (7, 7)
    assert found[-1] == (9, 9)
