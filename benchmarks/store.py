"""What the store's own commands cost with many runs: `python benchmarks/store.py [--runs 1000]`.

The runs are made here, without containers: each has a lock of 120 wheels and 90 packages, two
streams and two outputs. `gc`, `fsck` and `verify --all` are compared with sha256 of every file of
the runs (`openssl dgst` where it is there), all as processor seconds of whole processes, medians of
pairs in the same run. Then the index: `ls` with all runs known, `ls` after one new run, and the
index made anew.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP), str(TOP / "tests" / "support")]

from harness_runs import LOCK, NOW, a_record, a_runspec, an_intent  # noqa: E402

from reprobox.kit import canon  # noqa: E402
from reprobox.model import codec  # noqa: E402
from reprobox.model.image import Image, tag_of  # noqa: E402
from reprobox.model.lock import Deb, Wheel  # noqa: E402
from reprobox.model.outcome import OutputFile  # noqa: E402
from reprobox.store.output_manifest import outputs_manifest  # noqa: E402
from reprobox.store.project import open_project  # noqa: E402
from reprobox.store.runs import Runs  # noqa: E402

REPROBOX = [sys.executable, "-m", "reprobox.cli.main"]
EMPTY = canon.digest_bytes(b"")


def digest(text: str) -> str:
    return canon.digest_bytes(text.encode())


BIG = replace(
    LOCK,
    wheels=tuple(
        Wheel(
            name=f"package-{n}",
            version="1.2.3",
            filename=f"package_{n}-1.2.3-py3-none-any.whl",
            sha256=digest(f"wheel {n}"),
            size=1000 + n,
        )
        for n in range(120)
    ),
    debs=tuple(
        Deb(
            name=f"lib{n}",
            version="1.2-3",
            architecture="amd64",
            filename=f"pool/main/l/lib{n}/lib{n}_1.2-3_amd64.deb",
            sha256=digest(f"deb {n}"),
            size=1000 + n,
        )
        for n in range(90)
    ),
)
LOCKED = codec.digest(BIG)


def a_run(runs: Runs, number: int) -> str:
    """A finished run with a realistic lock."""
    spec = a_runspec(lock=LOCKED, seed=number)
    image = Image(config=EMPTY, manifest=EMPTY, diff_ids=(), lock=LOCKED, tag=tag_of(LOCKED))
    intent = an_intent(now=NOW + number, runspec=spec, lock=BIG, image=image)
    with runs.begin(intent, {"config.yaml": b""}) as run:
        run.started("f" * 64)
        run.outputs.mkdir()
        files = []
        for name, size in (("metrics.json", 300), ("model.bin", 3000)):
            data = os.urandom(size)
            (run.outputs / name).write_bytes(data)
            (run.outputs / name).chmod(0o644)
            found = canon.digest_bytes(data)
            files.append(OutputFile(path=name, kind="file", size=size, mode=0o644, sha256=found))
        (run.path / "stdout").write_bytes(b"done\n")
        record = a_record(intent, tuple(files), stdout=canon.digest_bytes(b"done\n"))
        run.finish(record, outputs_manifest(files))
    return intent.id


_SMALL = """
import os, sys, time
begun = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
used = os.wait4(child, 0)[2]
wall = time.perf_counter() - begun
print(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)
"""
"""A small process that starts the command: a process inherits the memory at most of the one that
started it, which here has made all the runs.
"""


def cost(argv: list[str], top: Path) -> tuple[float, float, float]:
    """Processor seconds, wall seconds and MiB at most of a whole process."""
    whole = shutil.which(argv[0])
    done = subprocess.run(
        [sys.executable, "-ISc", _SMALL, str(whole), *argv[1:]],
        cwd=top,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        env={**os.environ, "REPROBOX_HOME": str(top / "home"), "PYTHONPATH": str(TOP)},
    )
    processor, wall, memory = map(float, done.stdout.split()[-3:])
    return processor, wall, memory


def row(what: str, ours: Callable[[], float], theirs: Callable[[], float], pairs: int) -> None:
    found = [(ours(), theirs()) for _ in range(pairs)]
    a, b = (statistics.median(column) for column in zip(*found, strict=True))
    ratio = statistics.median(one / two for one, two in found)
    print(f"| {what} | {a:.2f} | {b:.2f} | {ratio:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    os.fsync = lambda fd: None  # the runs are made here; what is measured are other processes
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as at:
        top = Path(at)
        subprocess.run(["git", "init", "-q"], cwd=top, check=True)
        runs = open_project(top)
        first = a_run(runs, 0)
        for number in range(1, options.runs):
            a_run(runs, number)
        files = [path for path in runs.folder.rglob("*") if path.is_file()]
        record = (runs.folder / first / "record.json").stat().st_size
        intent = (runs.folder / first / "intent.json").stat().st_size
        size = sum(path.stat().st_size for path in files) / 1e6
        print(f"{options.runs} runs, {len(files)} files, {size:.0f} MB")
        print(f"a run's record and intent on disk: {record + intent} bytes\n")
        listing = top / "files"
        listing.write_bytes(b"\0".join(os.fsencode(path) for path in files))
        tool = "openssl dgst -sha256" if shutil.which("openssl") else "sha256sum"
        hashing = ["sh", "-c", f"xargs -0 {tool} < {listing}"]
        print("| processor seconds | reprobox | sha256 of all | ratio |\n|---|---|---|---|")
        peak = {}
        for words in (["gc", "--project"], ["fsck", "--project"], ["verify", "--all"]):

            def ours(words: list[str] = words) -> float:
                used, _, memory = cost([*REPROBOX, *words], top)
                peak[words[0]] = memory
                return used

            row(" ".join(words), ours, lambda: cost(hashing, top)[0], options.pairs)
        print("\nMiB at most: " + ", ".join(f"{name} {size:.0f}" for name, size in peak.items()))
        print("\n| index | ms of processor time |\n|---|---|")
        known = statistics.median(cost([*REPROBOX, "ls"], top)[0] for _ in range(3))
        print(f"| `ls`, all runs known | {known * 1000:.0f} |")
        after = []
        for number in range(3):
            a_run(runs, options.runs + number)
            after.append(cost([*REPROBOX, "ls"], top)[0])
        extra = statistics.median(after) - known
        print(f"| `ls` after a new run | +{extra * 1000:.0f} |")
        for path in runs.root.glob("index.sqlite*"):
            path.unlink()
        print(f"| `ls`, the index made anew | {cost([*REPROBOX, 'ls'], top)[0] * 1000:.0f} |")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
