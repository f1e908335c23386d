"""A real repository with a small experiment, and the real command line in it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]

CONFIG = """\
scale: 3
name: plain
reprobox:
  command: [python3, train.py, config.yaml]
  environment:
    base: debian:bookworm
    python: "3.11"
  inputs: [data/numbers.txt]
"""

TRAIN = """\
import json, os, random, sys
scale = int(next(line.split()[1] for line in open(sys.argv[1]) if line.startswith("scale:")))
numbers = [int(line) for line in open("data/numbers.txt")]
os.makedirs("results", exist_ok=True)
with open("results/metrics.json", "w") as file:
    json.dump({"sum": scale * sum(numbers), "draw": [random.random() for _ in range(4)], "order": list({"a", "b", "c", "d"})}, file)
with open("model.bin", "wb") as file:
    file.write(random.randbytes(2000))
print("sum", scale * sum(numbers))
print("careful", file=sys.stderr)
"""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Project:
    """A repository with an experiment, and the command line in it."""

    top: Path
    env: dict[str, str]

    def __call__(self, *words: str, cwd: Path | None = None, **env: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "reprobox.cli.main", *words],
            cwd=cwd or self.top,
            env={**self.env, **env},
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Said(
            done.returncode,
            done.stdout.decode(errors="surrogateescape"),
            done.stderr.decode(errors="surrogateescape"),
        )

    def on_a_terminal(self, *words: str, ctrl_c_at: str | None = None) -> Said:
        """What a command draws for somebody who watches, and who presses Ctrl-C when a text
        appears.
        """
        master, slave = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "reprobox.cli.main", *words],
            cwd=self.top,
            env={**self.env, "TERM": "xterm", "COLUMNS": "200"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # Whoever starts the tests in the background has SIGINT ignored, which every program
            # below inherits.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        os.close(slave)
        drawn = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while chunk := os.read(master, 65536):
                drawn += chunk
                if ctrl_c_at and ctrl_c_at.encode() in drawn:
                    process.send_signal(signal.SIGINT)
                    ctrl_c_at = None
        os.close(master)
        return Said(process.wait(), drawn.decode(), "")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.top, env=self.env, capture_output=True, check=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str = "change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def write(self, name: str, text: str) -> None:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *words: str, code: int = 0) -> dict[str, Any]:
        """A run of config.yaml; its record."""
        said = self("run", "config.yaml", "--json", *words)
        assert said.code == code, said.err
        return said.json

    def runs(self) -> list[str]:
        return [row["id"] for row in self("ls", "--json", "-n", "0").json]


def make_project(top: Path, env: dict[str, str]) -> Project:
    project = Project(top, env)
    project.git("init", "-q")
    project.write("config.yaml", CONFIG)
    project.write("train.py", TRAIN)
    project.write("data/numbers.txt", "1\n2\n3\n")
    project.commit("the experiment")
    return project
