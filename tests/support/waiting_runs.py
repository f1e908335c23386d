"""A run that waits until it is told to go on, and questions to ask about it meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from flow_project import Project

WAITING = """
import os, signal, sys, time
def leave(*_):
    open("left", "w").write("on TERM")
    sys.exit(3)
signal.signal(signal.SIGTERM, leave)
print("begun")
while not os.path.exists("data/go"):
    time.sleep(0.02)
open("done", "w").write("done")
"""


def until(question: Callable[[], object], seconds: float = 30) -> None:
    """Waits for a condition; fails when it does not come."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def only_run(project: Project) -> Path:
    (run,) = (project.top / ".reprobox" / "runs").iterdir()
    return run


def begun(project: Project) -> bool:
    return any(
        path.read_bytes() == b"begun\n"
        for path in (project.top / ".reprobox").glob("runs/*/out/stdout")
    )


def supervised(project: Project) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "run", "config.yaml"],
        cwd=project.top,
        env=project.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until(lambda: begun(project) or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def go(project: Project) -> None:
    """Lets the program end: through the run's own copy of the tree."""
    (only_run(project) / "work" / "data" / "go").touch()


def containers_alive(run_id: str) -> str:
    done = subprocess.run(
        ["docker", "ps", "-q", "--filter", f"label=dev.reprobox.run={run_id}"],
        capture_output=True,
        text=True,
    )
    return done.stdout
