"""What it takes to send the digits run to somebody else: `python benchmarks/sharing.py [--pairs
5]`.

Sizes are of real bundles of one run of `examples/digits`. Throughput is that of the bundle with the
lock's bytes, against `tar | zstd` of the same bytes (the blobs as a pushed directory holds them),
both at level 3 with two threads, both ending with the bytes on the disk; reprobox also checks every
byte by its sha256. Pairs run one after the other, so that load on the machine hits both; the
figures are medians over the pairs, in MB (10^6 bytes) of plain bytes a second of wall time of the
whole process.

`--small 20000` measures so many small outputs instead: `push` of one run to a directory against `cp
-r` and `sync`, and to an SSH daemon on loopback against `scp -r`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

DIGITS = Path(__file__).resolve().parents[1] / "examples" / "digits"
TESTS = Path(__file__).resolve().parents[1] / "tests" / "support"
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


def small_files(count: int, pairs: int) -> None:
    """Pushes of a run with many small outputs, next to copies of its files."""
    sys.path[:0] = [str(TESTS), str(TESTS.parents[1])]
    from far_away import ssh_server
    from travelling import a_run

    from reprobox.store.project import open_project

    reprobox = str(Path(sys.executable).with_name("reprobox"))
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "home").mkdir()
        (place / "sshd").mkdir()
        top = place / "project"
        top.mkdir()
        shell("git init -q", top)
        outputs = {
            f"out/{number % 100}/{number}": os.urandom(random.Random(number).randrange(100, 4000))
            for number in range(count)
        }
        run = a_run(open_project(top), outputs)
        size = sum(map(len, outputs.values())) / 1e6
        files = top / ".reprobox" / "runs" / run / "outputs"
        print(f"{count} outputs, {size:.0f} MB; medians of {pairs} pairs")
        print("| | s | peer | s | ratio of times |\n|---|---|---|---|---|", flush=True)
        with ssh_server(place / "sshd", place / "home") as ssh:
            key = place / "sshd" / "user"
            options = f"-q -i {key} -P {ssh.port} -o StrictHostKeyChecking=no"
            home = {"HOME": str(place / "home"), "REPROBOX_HOME": str(place / "shared")}
            for name, url, peer, command in (
                (
                    "directory",
                    str(place / "far"),
                    "`cp -r`, `sync -f`",
                    "cp -r {0} {1} && sync -f {1}",
                ),
                (
                    "ssh",
                    ssh.url(place / "far"),
                    "`scp -r`",
                    f"scp -r {options} {{0}} {ssh.user}@127.0.0.1:{{1}}",
                ),
            ):
                push = f"{reprobox} push {run} --to {url} --with outputs"
                times = []
                for _ in range(pairs):
                    for gone in ("far", "copy"):
                        shutil.rmtree(place / gone, ignore_errors=True)
                    ours = seconds(lambda p=push: shell(p, top, **home))
                    copy = command.format(files, place / "copy")
                    theirs = seconds(lambda c=copy: shell(c, place, **home))
                    times.append((ours, theirs))
                a, b = (statistics.median(column) for column in zip(*times, strict=True))
                ratio = statistics.median(one / two for one, two in times)
                print(f"| push to {name} | {a:.2f} | {peer} | {b:.2f} | {ratio:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--small", type=int, metavar="COUNT", help="so many small outputs")
    options = parser.parse_args()
    pairs = options.pairs
    if options.small:
        small_files(options.small, pairs)
        return
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
