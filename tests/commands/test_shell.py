"""A shell on a real terminal, in a run's own image, code and inputs; no run is left."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys

import pytest
from flow_project import Project


def typed(project: Project, *words: str, keys: str, code: int) -> str:
    """What a command draws on a terminal where `keys` are typed once it has drawn something,
    before the program in the container can read them.
    """
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", *words],
        cwd=project.top,
        env={**project.env, "TERM": "dumb"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    drawn, sent = b"", False
    with contextlib.suppress(OSError):  # the other end is closed
        while chunk := _read(master, drawn):
            drawn += chunk
            if not sent and b"gone at the end" in drawn:
                os.write(master, keys.encode())
                sent = True
    os.close(master)
    assert process.wait(timeout=60) == code, drawn.decode()
    return drawn.decode()


def _read(terminal: int, drawn: bytes) -> bytes:
    ready, _, _ = select.select([terminal], [], [], 120)
    assert ready, drawn.decode()
    return os.read(terminal, 65536)


def test_a_shell_in_a_recorded_run(project: Project) -> None:
    record = project.run()
    keys = "pwd; ls; cat data/numbers.txt | tail -n 1; echo seed $PYTHONHASHSEED; touch x; exit 3\n"
    drawn = typed(project, "shell", record["id"], keys=keys, code=3)
    assert "/work" in drawn
    assert "train.py" in drawn
    assert "seed 0" in drawn
    assert project.runs() == [record["id"]]
    log = (project.top / ".reprobox/shells.log").read_text()
    noted = [json.loads(line) for line in log.splitlines()]
    assert [(one["replay_of"], one["exit_code"]) for one in noted] == [(record["id"], 3)]
    assert not (project.top / "x").exists()
    left = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=dev.reprobox.store={project.top}/.reprobox"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert left.stdout == ""


def test_a_shell_with_the_tree_as_it_is(project: Project) -> None:
    project.write("train.py", "print('edited')\n")
    drawn = typed(project, "shell", keys="python3 train.py; exit\n", code=0)
    assert "edited" in drawn.replace("print('edited')", "")
    assert project.runs() == []


@pytest.mark.parametrize("words", [["shell"], ["shell", "latest"]])
def test_a_shell_needs_a_terminal(project: Project, words: list[str]) -> None:
    said = project(*words)
    assert said.code == 2
    assert "needs a terminal" in said.err
