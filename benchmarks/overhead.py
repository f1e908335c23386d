"""What reprobox costs, as ratios against named peers in the same run: `python
benchmarks/overhead.py [--pairs 9]`.

Each pair runs A and B one after the other, so that load on the machine hits both; the figures are
medians over the pairs, in milliseconds of wall time of the whole process. The experiment is a
Python program that ends at once (`pass`), in the image of `debian:bookworm` with Python 3.11, so
what is measured is the tool and the engine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = """\
reprobox:
  command: [python3, job.py]
  environment: {base: "debian:bookworm", python: "3.11"}
"""


def timed(command: list[str], cwd: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(
        command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return (time.perf_counter() - begun) * 1000


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
        print(f"| A | ms | B | ms | A - B | A / B | ({pairs} pairs, medians)")
        print("|---|---|---|---|---|---|")
        for name, ours, peer, theirs in rows:
            for command in (ours, theirs):
                timed(command, top)  # warm both
            times = [(timed(ours, top), timed(theirs, top)) for _ in range(pairs)]
            a, b = (statistics.median(column) for column in zip(*times, strict=True))
            ratio = statistics.median(one / two for one, two in times)
            print(
                f"| {name} | {a:.0f} | {peer} | {b:.0f} | "
                f"{statistics.median(x - y for x, y in times):+.0f} | {ratio:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
