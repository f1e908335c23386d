"""docker-py is imported by several threads without a deadlock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
RACE = """
import importlib._bootstrap as bootstrap, importlib.abc, sys, threading, time

deadlocks, begun = [], threading.Event()
seen = bootstrap._ModuleLock.has_deadlock

def has_deadlock(lock):
    found = seen(lock)
    if found:
        deadlocks.append(lock.name)
    return found

bootstrap._ModuleLock.has_deadlock = has_deadlock

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        # One thread has the lock of `docker`; the other takes the one of `docker.errors`.
        if name == "docker" and not begun.is_set():
            begun.set()
            until = time.monotonic() + 5
            while "docker.errors" not in bootstrap._module_locks and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(0.2)
        return None

sys.meta_path.insert(0, Slow())
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
    """Once in a few tries: on a busy machine the second thread may come too late."""
    assert any(int(raced(BARE)[0]) > 0 for _ in range(5))


@pytest.mark.parametrize("_again", range(3))
def test_the_engine_imports_docker_without_a_race(_again: int) -> None:
    assert raced(OURS) == ["0", "False", "True"]
