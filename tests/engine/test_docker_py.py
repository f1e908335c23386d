"""docker-py is imported by several threads without a deadlock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
RACE = """
import importlib._bootstrap as bootstrap, sys, threading, time

deadlocks, begun = [], threading.Event()
seen = bootstrap._ModuleLock.has_deadlock

def has_deadlock(lock):
    found = seen(lock)
    if found:
        deadlocks.append(lock.name)
    return found

bootstrap._ModuleLock.has_deadlock = has_deadlock

acquire = bootstrap._ModuleLock.acquire

def slowly(lock):
    # One thread has the lock of `docker`; the other takes the one of `docker.errors`. A finder that
    # sleeps would hold the lock of all imports, and keep the other thread out.
    found = acquire(lock)
    if lock.name == "docker" and not begun.is_set():
        begun.set()
        time.sleep(0.5)
    return found

bootstrap._ModuleLock.acquire = slowly
FIRST, SECOND
thread = threading.Thread(target=first)
thread.start()
begun.wait(20)
second()
thread.join(30)
print(len(deadlocks), thread.is_alive(), hasattr(sys.modules["docker.errors"], "APIError"))
"""
BARE = "def first(): import docker\ndef second(): import docker.errors"
OURS = """
from reprobox.engine import docker_py, faults
from reprobox.engine.link import Link
def first(): Link("tcp://127.0.0.1:9")._connect("1.40", 1)
class Refused:
    def raise_for_status(self):
        raise OSError()
def second():
    try:
        faults.raise_for_status(Refused())
    except Exception:
        pass
"""


def raced(threads: str) -> list[str]:
    code = RACE.replace("FIRST, SECOND", threads)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" or threads is BARE
    return done.stdout.split()


def test_the_race_is_provoked_by_bare_imports() -> None:
    assert int(raced(BARE)[0]) > 0


@pytest.mark.parametrize("_again", range(3))
def test_the_engine_imports_docker_without_a_race(_again: int) -> None:
    assert raced(OURS) == ["0", "False", "True"]
