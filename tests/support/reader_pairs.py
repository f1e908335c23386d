"""Pairs of files by the real libraries, and what a reader says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from looking import look
from torch_python import formats_python

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


def wrong(home: Path, kind: str, count: int, seed: int = 1) -> tuple[int, list[str]]:
    """How many pairs were read, and those of which a reader says something else than it has to."""
    found, read = [], 0
    for pair in pairs(home, kind, count, seed):
        read += 1
        verdict = look(*pair.paths, RULE, path=pair.name)
        if verdict.state not in ALLOWED[pair.expect]:
            first = verdict.detail.first
            found.append(
                f"{kind}, {pair.what}: {verdict.state}, not {pair.expect}; {verdict.detail.why} "
                f"{first and (first.name, first.left, first.right)}"
            )
    return read, found
