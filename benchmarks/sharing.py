"""What it takes to send the digits run to somebody else: `python benchmarks/sharing.py [--pairs
5]`.

Sizes are of real bundles of one run of `examples/digits`. Throughput is that of the bundle with the
lock's bytes, against `tar | zstd` of the same bytes (the blobs as a pushed directory holds them),
both at level 3 with two threads, both ending with the bytes on the disk; reprobox also checks every
byte by its sha256. Pairs run one after the other, so that load on the machine hits both; the
figures are medians over the pairs, in MB (10^6 bytes) of plain bytes a second of wall time of the
whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

DIGITS = Path(__file__).resolve().parents[1] / "examples" / "digits"
SIZES = (
    ("record only (`--with none`)", "none"),
    ("`code,inputs,outputs`", "code,inputs,outputs"),
    ("with the lock's bytes (the default)", "code,inputs,outputs,lock"),
    ("with the image archive", "code,inputs,outputs,image"),
)
USUAL = SIZES[2][1]


def shell(command: str, cwd: Path, **env: str) -> None:
    subprocess.run(
        ["bash", "-ceuo", "pipefail", command],
        cwd=cwd,
        env={**os.environ, **env},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )


def seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def make(top: Path, reprobox: str) -> None:
    """The example in a repository of its own, locked, built, and run once."""
    shutil.copytree(DIGITS, top)
    shell(f"git init -q && {reprobox} lock && {reprobox} build && git add -A", top)
    shell("git -c user.name=bench -c user.email=bench@example.invalid commit -q -m bench", top)
    shell(f"{reprobox} run config.yaml epochs=1", top)


class Bench:
    """One run, sent and taken in both ways."""

    def __init__(self, place: Path, reprobox: str) -> None:
        self.place, self.top, self.reprobox = place, place / "digits", reprobox
        make(self.top, reprobox)
        self.bundle, self.tar, self.blobs = (
            place / "run.rbx",
            place / "blobs.tar.zst",
            place / "blobs",
        )

    def sizes(self) -> list[tuple[str, int, int]]:
        """Words, bytes to send before compression, bytes of the bundle."""
        found = []
        for words, parts in SIZES:
            command = [
                self.reprobox,
                "export",
                "latest",
                "-o",
                str(self.bundle),
                "--with",
                parts,
                "--force",
                "--json",
            ]
            done = subprocess.run(command, cwd=self.top, check=True, capture_output=True, text=True)
            told = json.loads(done.stdout)
            found.append((words, told["size"], told["bundle_size"]))
        return found

    def export(self) -> None:
        shell(f"{self.reprobox} export latest -o {self.bundle} --force --with {USUAL}", self.top)

    def pack(self) -> None:
        shell(
            f"tar -C {self.blobs} -cf - . | zstd -q -3 -T2 -f -o {self.tar} && sync {self.tar}",
            self.place,
        )

    def take(self) -> None:
        there = self.fresh("there")
        shell(
            f"{self.reprobox} import {self.bundle}",
            there,
            REPROBOX_HOME=str(self.fresh("their-home")),
        )

    def unpack(self) -> None:
        there = self.fresh("unpacked")
        shell(f"zstd -dcq {self.tar} | tar -C {there} -xf - && sync -f {there}", self.place)

    def fresh(self, name: str) -> Path:
        path = self.place / name
        path.mkdir()
        return path

    def clear(self) -> None:
        for name in ("there", "their-home", "unpacked"):
            shutil.rmtree(self.place / name, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), str(Path(sys.executable).with_name("reprobox")))
        print("| bundle of the digits run | plain MB | bundle MB |\n|---|---|---|")
        sizes = bench.sizes()
        for words, plain, packed in sizes:
            print(f"| {words} | {plain / 1e6:.2f} | {packed / 1e6:.2f} |", flush=True)
        shell(f"{bench.reprobox} push latest --to {bench.blobs} --with {USUAL}", bench.top)
        amount = sizes[2][1] / 1e6
        print(
            f"\n| | MB/s | peer | MB/s | ratio of times | ({pairs} pairs, {amount:.0f} MB, "
            "medians)\n|---|---|---|---|---|"
        )
        both = [
            ("export", bench.export, "`tar \\| zstd`", bench.pack),
            ("import", bench.take, "`zstd -d \\| tar`", bench.unpack),
        ]
        for name, ours, peer, theirs in both:
            times = []
            for number in range(pairs + 1):
                bench.clear()
                pair = (seconds(ours), seconds(theirs))
                times += [pair] if number else []  # the first warms both
            a, b = (amount / statistics.median(column) for column in zip(*times, strict=True))
            ratio = statistics.median(one / two for one, two in times)
            print(f"| {name} | {a:.0f} | {peer} | {b:.0f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
