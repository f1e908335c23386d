"""What reprobox costs, as ratios against named peers in the same run: `python
benchmarks/overhead.py [--pairs 9]`.

Each pair runs A and B one after the other, so that load on the machine hits both; the figures are
medians over the pairs, in milliseconds of the whole process: wall time, and processor time of it and
its children (the engine's own is in neither column). Every other pair runs B first. The experiment is a
Python program that ends at once (`pass`), in the image of `debian:bookworm` with Python 3.11, so
what is measured is the tool and the engine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CONFIG = """\
reprobox:
  command: [python3, job.py]
  environment: {base: "debian:bookworm", python: "3.11"}
"""


@dataclass(frozen=True)
class Cost:
    """Milliseconds."""

    wall: float
    cpu: float


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cost(command: list[str], cwd: Path) -> Cost:
    """What a command costs once."""
    cpu, begun = _cpu(), time.perf_counter()
    subprocess.run(
        command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return Cost((time.perf_counter() - begun) * 1000, (_cpu() - cpu) * 1000)


def paired(one: list[str], other: list[str], cwd: Path, pairs: int) -> list[tuple[Cost, Cost]]:
    """Both commands so many times, each first in every other pair; a first pair warms caches."""
    found = []
    for number in range(pairs + 1):
        if number % 2:
            found.append((cost(one, cwd), cost(other, cwd)))
        else:
            second = cost(other, cwd)
            found.append((cost(one, cwd), second))
    return found[1:]


def said(*command: str, cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def make(top: Path, reprobox: str) -> dict[str, str]:
    """A repository with the smallest experiment, locked and built; what `build --json` says."""
    (top / "config.yaml").write_text(CONFIG)
    (top / "job.py").write_text("print(1)\n")  # something to compare
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    said("git", "init", "-q", cwd=top)
    said(reprobox, "lock", cwd=top)
    built = json.loads(said(reprobox, "build", "--json", cwd=top))
    said("git", "add", "-A", cwd=top)
    said("git", *identity, "commit", "-q", "-m", "bench", cwd=top)
    return dict(built)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9)
    pairs = parser.parse_args().pairs
    reprobox = str(Path(sys.executable).with_name("reprobox"))
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        image = make(top, reprobox)["tag"]
        user = f"{os.getuid()}:{os.getgid()}"
        plain = [
            "docker",
            "run",
            "--network",
            "none",
            "-v",
            f"{top}:/work",
            "-w",
            "/work",
            "-u",
            user,
            image,
            "python3",
            "job.py",
        ]
        rows = [
            ("reprobox run", [reprobox, "run", "config.yaml"], "docker run", plain),
            ("reprobox replay", [reprobox, "replay", "latest"], "docker run", plain),
            (
                "reprobox build (nothing to do)",
                [reprobox, "build"],
                "docker image inspect",
                ["docker", "image", "inspect", image],
            ),
            (
                "reprobox --help",
                [reprobox, "--help"],
                "python -c pass",
                [sys.executable, "-c", "pass"],
            ),
            ("reprobox ls", [reprobox, "ls"], "python -c pass", [sys.executable, "-c", "pass"]),
        ]
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs; {pairs} pairs, medians")
        print("| A | ms | of CPU | B | ms | of CPU | A - B | A / B |")
        print("|---|---|---|---|---|---|---|---|")
        for name, ours, peer, theirs in rows:
            print(row(name, peer, paired(ours, theirs, top, pairs)), flush=True)


def row(name: str, peer: str, found: list[tuple[Cost, Cost]]) -> str:
    """A line of the table."""
    median = statistics.median
    (a, a_cpu), (b, b_cpu) = (
        (median(one.wall for one in column), median(one.cpu for one in column))
        for column in zip(*found, strict=True)
    )
    apart = median(one.wall - other.wall for one, other in found)
    ratio = median(one.wall / other.wall for one, other in found)
    return (
        f"| {name} | {a:.0f} | {a_cpu:.0f} | {peer} | {b:.0f} | {b_cpu:.0f} | {apart:+.0f} "
        f"| {ratio:.2f} |"
    )


if __name__ == "__main__":
    main()
