"""A repository with two recorded runs that no container made, and the command line over it in this
process: for what commands print and answer where nothing is executed.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness_runs import EMPTY
from web_world import ENVIRONMENT, World

from reprobox.cli import process
from reprobox.cli.messages import Talk
from reprobox.context import Context
from reprobox.model import codec
from reprobox.model.image import Image, tag_of


@dataclass(frozen=True)
class Printed:
    """What a command answered."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Desk:
    """The repository. `first` and `second` differ in a config value and in one output."""

    top: Path
    first: str
    second: str
    capsysbinary: pytest.CaptureFixture[bytes]

    def __call__(self, *words: str) -> Printed:
        """Runs `reprobox WORDS`."""
        self.capsysbinary.readouterr()
        Talk.answered = False  # as in a process that has just begun
        try:
            code = process.answer([*words])
        except SystemExit as end:
            code = int(end.code or 0)
        said = self.capsysbinary.readouterr()
        return Printed(code, *(text.decode(errors="backslashreplace") for text in said))

    @property
    def context(self) -> Context:
        """A fresh one, as each command makes it."""
        return Context(start=self.top, progress=Talk(quiet=True))


def template(top: Path) -> tuple[str, str]:
    """Makes the repository; the ids of its runs."""
    world = World.at(top)
    locked = codec.digest(ENVIRONMENT.without_image())
    image = Image(config=EMPTY, manifest=EMPTY, diff_ids=(), lock=locked, tag=tag_of(locked))
    ids = [
        world.run(
            number,
            {"weights.txt": b"0.5\n", "loss.json": b'{"loss": %.1f}' % (0.5 + number)},
            config={"train": {"lr": 0.1 + number}, "reprobox": {"seed": 0}},
            name=("first", "second")[number],
            runspec={"lock": locked, "tree": "d" * 40},
            image=image,
            stdout=b"epoch 1\n\xff",
            stderr=b"a warning\n",
        )
        for number in (0, 1)
    ]
    return ids[0], ids[1]


def copied(
    made: tuple[Path, tuple[str, str]], top: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> Desk:
    """A copy that a test may change."""
    shutil.copytree(made[0], top, symlinks=True)
    return Desk(top, *made[1], capsysbinary)
