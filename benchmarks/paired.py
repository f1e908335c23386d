"""Rows of the table of costs, and commands that are measured in pairs."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import overhead

GIT = "git -c user.name=bench -c user.email=bench@example.invalid"
COMMIT = f"{GIT} commit -q -m bench"


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    work: str
    today: str
    against: str
    goal: str
    short: bool = False
    """Whether it is in README too."""

    def __str__(self) -> str:
        return f"| {self.work} | {self.today} | {self.against} | {self.goal} |"


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    pairs: int
    runs: int
    listed: int
    indexed: int
    small: int
    judged: int
    sent: int
    """MiB of the output that is sent elsewhere."""
    steps: int
    """Steps of a training in a round."""

    @property
    def few(self) -> int:
        """Pairs of what takes seconds."""
        return min(self.pairs, 3)


FULL = Sizes(
    pairs=9,
    runs=1000,
    listed=10_000,
    indexed=100_000,
    small=20_000,
    judged=1500,
    sent=500,
    steps=2,
)
QUICK = Sizes(pairs=3, runs=100, listed=500, indexed=1000, small=500, judged=50, sent=20, steps=1)


@dataclass(frozen=True)
class Pairs:
    """Medians of two commands that ran in turn, in milliseconds."""

    ratio: float
    """Of the wall times."""
    wall: float
    cpu: float
    theirs: float
    their_cpu: float

    @property
    def times(self) -> str:
        """For work of seconds: the ratio, and our wall and processor time."""
        return (
            f"{self.ratio:.2f} times ({self.wall / 1000:.2f} s, "
            f"{self.cpu / 1000:.2f} of the processor)"
        )

    @property
    def other(self) -> str:
        """Seconds of wall time of what it is compared with."""
        return f"{self.theirs / 1000:.2f} s"


def shell(command: str, cwd: Path) -> None:
    overhead.said("sh", "-ec", command, cwd=cwd)


def in_pairs(
    ours: str, theirs: str, cwd: Path, pairs: int, before: Callable[[], None] = lambda: None
) -> Pairs:
    """Measures two shell commands in turn; the first pair warms caches and does not count.

    Args:
        before: prepares each pair, unmeasured.
    """
    found = []
    for number in range(pairs + 1):
        before()
        pair = [overhead.cost(["sh", "-ec", words], cwd) for words in (ours, theirs)]
        found += [pair] if number else []
    a, b = zip(*found, strict=True)
    median = statistics.median
    return Pairs(
        ratio=median(one.wall / other.wall for one, other in found),
        wall=median(one.wall for one in a),
        cpu=median(one.cpu for one in a),
        theirs=median(one.wall for one in b),
        their_cpu=median(one.cpu for one in b),
    )


def once(command: str, cwd: Path) -> overhead.Cost:
    """What a shell command costs: of work that is measured once, because it takes long."""
    os.sync()  # what was written before is not measured
    return overhead.cost(["sh", "-ec", command], cwd)
