"""Pairs of files by the real libraries, and what a reader says of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from looking import look
from torch_python import formats_python

from reprobox.judge.formats.registry import FORMATS
from reprobox.kit import proc
from reprobox.model.spec import OutputRule

PROGRAM = Path(__file__).with_name("pairs_program.py")
RULE = OutputRule(pattern="*", compare="content")
ALLOWED = {
    "equal": ("equal-under-rule", "identical"),
    "different": ("different",),
    "unequal": ("different", "not-checked"),
}


@dataclass(frozen=True)
class Pair:
    """Two files: what was changed, and what a reader has to say."""

    what: str
    expect: str
    name: str
    paths: tuple[Path, Path]


def pairs(home: Path, kind: str, count: int, seed: int = 1) -> Iterator[Pair]:
    """At least so many pairs of one format."""
    argv = [formats_python(), "-W", "ignore", PROGRAM, home, kind, str(seed), str(count)]
    done = proc.run(argv)
    assert done.ok, done.error_text
    for line in done.out.decode().splitlines():
        said = json.loads(line)
        left, right = map(Path, said["paths"])
        yield Pair(said["what"], said["expect"], said["name"], (left, right))


@dataclass
class Read:
    """What came of the pairs of one format."""

    count: int = 0
    wrong: list[str] = field(default_factory=list)
    """Pairs of which a reader says something else than it has to."""
    rows: set[str] = field(default_factory=set)
    """Rows of LEFT_OUT of which there was a pair."""


def read(home: Path, kind: str, count: int, seed: int = 1) -> Read:
    """Compares at least so many pairs of one format."""
    done = Read()
    for pair in pairs(home, kind, count, seed):
        done.count += 1
        verdict = look(*pair.paths, RULE, path=pair.name)
        if pair.expect == "equal" and verdict.state == "equal-under-rule":
            done.rows |= set(re.findall("<([a-z-]+)>", pair.what))
        if verdict.state not in ALLOWED[pair.expect]:
            first = verdict.detail.first
            done.wrong.append(
                f"{kind}, {pair.what}: {verdict.state}, not {pair.expect}; {verdict.detail.why} "
                f"{first and (first.name, first.left, first.right)}"
            )
    return done


def require_right(home: Path, kind: str, count: int) -> None:
    """Every pair of a format is judged rightly, and each thing that it leaves out has a pair."""
    done = read(home, kind, count)
    assert done.count >= count
    shown = "\n".join(done.wrong[:20])
    assert not done.wrong, f"{len(done.wrong)} of {done.count}\n{shown}"
    left_out = next((set(one.left_out) for one in FORMATS if one.name == kind), set())
    assert not left_out - done.rows, "left out, and no pair shows it"
