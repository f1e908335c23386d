"""Work in a thread while the program waits."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from reprobox.kit.meanwhile import ahead, meanwhile


def test_both_are_done_when_the_context_ends() -> None:
    done = []
    begun = threading.Event()

    def work() -> None:
        begun.wait(30)
        done.append("work")

    with meanwhile(work):
        done.append("block")
        begun.set()
    assert done == ["block", "work"]


def test_the_error_of_the_work_comes_out() -> None:
    def work() -> None:
        raise KeyError("work")

    with pytest.raises(KeyError, match="work"), meanwhile(work):
        pass
    with pytest.raises(ValueError, match="block"), meanwhile(work):
        raise ValueError("block")


def test_work_that_is_begun_ahead_keeps_its_failure_to_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unseen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", unseen.append)
    begun, go, made = threading.Event(), threading.Event(), list[threading.Thread]()

    def work() -> None:
        made.append(threading.current_thread())
        begun.set()
        go.wait(30)
        raise OSError("no engine")

    ahead(work)
    assert begun.wait(30)
    go.set()
    made[0].join(30)
    assert not made[0].is_alive()
    assert made[0].daemon
    assert unseen == []


def test_modules_that_are_imported_meanwhile() -> None:
    program = (
        "import sys\nfrom reprobox.kit.meanwhile import importing, meanwhile\n"
        "with meanwhile(importing(['no.such.module', 'colorsys', 'reprobox.kit.units'])):\n"
        "    pass\n"
        "print({'colorsys', 'reprobox.kit.units'} <= set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
