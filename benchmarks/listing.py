"""What `ls` costs with many runs: `python benchmarks/listing.py [--runs 1000]`.

The runs are made here, without containers, each with a config and a metrics file. The table has a
row for each way to list them: wall and processor milliseconds of whole processes, medians, in turn
with `ls` without columns, to which the ratio is. Then the same with ten and a hundred times more
runs: their rows are multiplied in the index, and each has an (empty) directory, because a listing
whose index is up to date reads nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP), str(TOP / "benchmarks"), str(TOP / "tests" / "support")]

from harness_runs import NOW, a_record, an_intent, an_output  # noqa: E402
from store import REPROBOX, cost  # noqa: E402

from reprobox.store.output_manifest import outputs_manifest  # noqa: E402
from reprobox.store.project import open_project  # noqa: E402
from reprobox.store.runs import Runs  # noqa: E402

WAYS = (
    ("`ls`", []),
    ("`ls --columns lr,accuracy`", ["--columns", "lr,accuracy"]),
    (
        "`ls --columns lr,accuracy --sort -accuracy`",
        ["--columns", "lr,accuracy", "--sort", "-accuracy"],
    ),
    ("`ls --where 'accuracy>0.9 and lr<1e-2'`", ["--where", "accuracy>0.9 and lr<1e-2"]),
    ("`ls --columns accuracy --group lr`", ["--columns", "accuracy", "--group", "lr"]),
)


def a_run(runs: Runs, number: int, draw: random.Random) -> None:
    """A finished run with values."""
    data = json.dumps({"accuracy": draw.random(), "loss": draw.random()}).encode()
    outputs = (an_output("metrics.json", data),)
    config = {"lr": draw.choice((0.1, 0.03, 0.01, 0.003, 0.001)), "seed": number}
    intent = an_intent(now=NOW + number, config={"train": config, "reprobox": {"seed": 0}})
    with runs.begin(intent, {"config.yaml": b""}) as run:
        run.started("f" * 64)
        run.outputs.mkdir()
        (run.outputs / "metrics.json").write_bytes(data)
        run.finish(a_record(intent, outputs), outputs_manifest(outputs))


def multiply(runs: Runs, times: int, mark: str) -> None:
    """So many rows for each one, each with another id (which has the mark) and a directory."""
    database = sqlite3.connect(runs.root / "index.sqlite", isolation_level=None)
    names = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
    database.execute("BEGIN")
    database.execute("CREATE TEMP TABLE real AS SELECT id FROM runs")
    for number in range(1, times):
        new = f"id || '{mark}{number:03d}'"
        rest = ", ".join(new if name == "id" else f'"{name}"' for name in names)
        for into, columns in (
            ("runs", rest),
            ("run_values", f"key, {new}, value, source"),
            ("values_read", new),
        ):
            database.execute(
                f"INSERT INTO {into} SELECT {columns} FROM {into} WHERE id IN (SELECT id FROM real)"
            )
    for (name,) in database.execute("SELECT id FROM runs WHERE id NOT IN (SELECT id FROM real)"):
        (runs.folder / name).mkdir()
    database.execute("UPDATE facts SET seen = ?", (os.stat(runs.folder).st_mtime_ns,))
    database.execute("COMMIT")
    database.close()


def table(top: Path, count: int, pairs: int) -> None:
    print(f"\n| {count:,} runs | wall ms | processor ms | to `ls` |\n|---|---|---|---|")
    for what, words in WAYS:
        ours, plain = [], []
        for _ in range(pairs):
            plain.append(cost([*REPROBOX, "ls", "--columns", ""], top))
            ours.append(cost([*REPROBOX, "ls", *(words or ["--columns", ""])], top))
        wall, used = (statistics.median(one[place] for one in ours) * 1000 for place in (1, 0))
        ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, plain, strict=True))
        print(f"| {what} | {wall:.0f} | {used:.0f} | {ratio:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    os.fsync = lambda fd: None  # the runs are made here; what is measured are other processes
    draw = random.Random(1)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as at:
        top = Path(at)
        subprocess.run(["git", "init", "-q"], cwd=top, check=True)
        runs = open_project(top)
        for number in range(options.runs):
            a_run(runs, number, draw)
        for mark, times in enumerate((1, 10, 100)):
            count = times * options.runs
            if times > 1:
                multiply(runs, 10, "abc"[mark])
            cost([*REPROBOX, "ls", "--columns", "lr,accuracy"], top)
            table(top, count, options.pairs)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
