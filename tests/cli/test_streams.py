"""Standard streams that are closed, full, or have no reader any more."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flow_project import Project

COMMAND = f"{sys.executable} -m reprobox.cli.main"


def shell(text: str, where: Path | Project) -> subprocess.CompletedProcess[str]:
    project = isinstance(where, Project)
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; rb() {{ {COMMAND} "$@"; }}; {text}'],
        cwd=where.top if project else where,
        env=where.env if project else os.environ,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("text", ["rb ls >&-", "rb ls --json >&-", "rb ls >&- 2>&- <&-"])
def test_closed_streams_are_no_bug(bare_project: Project, text: str) -> None:
    said = shell(text, bare_project)
    assert (said.returncode, said.stderr.replace("no runs yet", "")[:6]) in ((0, ""), (0, "; next"))


def test_a_full_stdout_is_named(bare_project: Project) -> None:
    said = shell("rb ls --json >/dev/full", bare_project)
    assert said.returncode == 71
    assert "stdout could not be written" in said.stderr
    assert "free some space" not in said.stderr


def test_a_reader_that_goes_away_is_no_difference(bare_project: Project) -> None:
    said = shell("rb schema | true; echo ${PIPESTATUS[0]}", bare_project)
    assert said.stdout.split()[-1] in ("141", "0")  # 0: all of it was in the pipe already
    said = shell("(sleep 1; rb ls --json) | true; echo ${PIPESTATUS[0]}", bare_project)
    assert (said.stdout, "Traceback" in said.stderr) == ("141\n", False)


@pytest.mark.parametrize("words", ["run", "verify", "get latest -o", "image diff latest"])
def test_a_name_that_is_too_long(bare_project: Project, words: str) -> None:
    said = shell(f"rb {words} {'a' * 300}", bare_project)
    # From Python 3.14 on, a path that is too long is a file that does not exist (32: no such image).
    assert said.returncode in (2, 32, 50, 125), said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("words", ["build", "lock", "init"])
def test_an_endless_config_is_refused(bare_project: Project, words: str) -> None:
    said = shell(f"ulimit -v 4000000; rb {words} /dev/zero", bare_project)
    assert said.returncode in (2, 12), said.stderr
    assert "more than" in said.stderr


@pytest.mark.engine
def test_a_run_survives_its_stdout(project: Project) -> None:
    lines = "import time\nfor n in range(20):\n    print(n, flush=True)\n    time.sleep(0.1)\n"
    project.write("train.py", lines)
    project.commit()
    for target, code in (("| head -1", 141), (">/dev/full", 125)):
        said = shell(f"rb run config.yaml {target}; echo ${{PIPESTATUS[0]}}", project)
        assert said.stdout.split()[-1] == str(code), said.stderr
        (row, *_) = project("ls", "--json").json
        assert (row["state"], row["exit_code"]) == ("finished", 0)
        assert f"run {row['id']} continues" in said.stderr
        assert project("logs", row["id"]).out == "".join(f"{n}\n" for n in range(20))


def test_sigterm_is_an_end_of_its_own(bare_project: Project) -> None:
    """A config that is a FIFO, of which nothing comes, stands in for work that lasts."""
    fifo = bare_project.top / "never.yaml"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "lock", "never.yaml"],
        cwd=bare_project.top,
        env=bare_project.env,
        stderr=subprocess.PIPE,
        text=True,
    )
    writing = opened_by_a_reader(fifo)
    process.terminate()
    assert (process.communicate(timeout=60)[1], process.returncode) == ("terminated\n", 143)
    os.close(writing)


def opened_by_a_reader(fifo: Path) -> int:
    """The writing end, as soon as a process reads the other one (fifo(7))."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        assert time.monotonic() < deadline
        time.sleep(0.02)
