"""How long a large sweep takes on a cluster, and what is full first: `python benchmarks/scale.py
[--runs 1000000] [--nodes 100] ...`; with `--page docs/scale.md` the tables of that page.

A calculation with measured constants, not an experiment: docs/scale.md has its tables, and says
where each constant comes from. Runs are executed in waves by as many slots as there are GPUs; the
job system starts tasks, and every run is published to one file system.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds, bytes and rates. Change those that you have measured on your own machines."""

    run_overhead: float = 2.0
    """Seconds of a run besides its program: worker, export, container, collecting, publishing."""
    task_start: float = 0.02
    """Seconds of the scheduler for each task that it starts (58 a second were measured)."""
    resolve: float = 0.06
    """Seconds of the submitting host for each run: config, pins, intent."""
    publish: float = 1 / 896
    """Seconds of the file system for each published run, one after the other, on a local disk."""
    network: float = 5.0
    """How much longer publishing takes on a network file system; assumed."""
    record_read: float = 1 / 14000
    """Seconds for each record that an index reads for the first time, on a local disk."""
    inodes: int = 19
    """Files and directories of a run with one attempt and no outputs."""
    bytes: int = 80_000
    """On the disk for a run without its outputs."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A sweep and a cluster."""

    runs: int
    nodes: int
    slots: int
    """On each node."""
    seconds: float
    """Of each program."""
    array: int
    """Tasks that the cluster takes in an array."""
    image: float
    """Bytes of the image."""
    bandwidth: float
    """Bytes a second of the shared file system."""


def forecast(asked: Asked, costs: Costs) -> dict[str, float | int | str]:
    """What the sweep takes, in seconds, bytes and counts, and which part is the longest."""
    slots = asked.nodes * asked.slots
    tasks = min(asked.runs, asked.array)
    each = math.ceil(asked.runs / tasks)
    busy = min(slots, tasks)
    one = asked.seconds + costs.run_overhead
    parts = {
        "submit": asked.runs * costs.resolve,
        "programs": math.ceil(tasks / busy) * each * one,
        "scheduler": tasks * costs.task_start,
        "publishing": asked.runs * costs.publish * costs.network,
        "images": asked.nodes * asked.image / asked.bandwidth,
        "first index": asked.runs * costs.record_read,
    }
    return {
        **{name: round(value, 1) for name, value in parts.items()},
        "tasks": tasks,
        "runs in a task": each,
        "starts a second": round(busy / one, 2),
        "inodes": asked.runs * costs.inodes,
        "gigabytes": round(asked.runs * costs.bytes / 1e9, 1),
        "longest": max(parts, key=lambda name: parts[name]),
    }


PROGRAMS = ((600.0, 1000), (600.0, 8000), (60.0, 8000), (5.0, 8000))
"""Seconds of a program, and tasks in an array: the rows of the page."""
BEGIN, END = "<!-- generated: forecast -->", "<!-- end of forecast -->"


def table(asked: Asked, costs: Costs) -> str:
    """The rows of the page."""
    heads = ("program", "tasks in an array", "programs and their overhead", "submission")
    lines = [f"| {' | '.join(heads)} | publishing, one after the other |", "|---" * 5 + "|"]
    for seconds, array in PROGRAMS:
        found = forecast(replace(asked, seconds=seconds, array=array), costs)
        times = (span(float(found[name])) for name in ("programs", "submit", "publishing"))
        lines.append(f"| {span(seconds)} | {array:,} | {' | '.join(times)} |")
    return "\n".join(lines)


def span(seconds: float) -> str:
    """A time in the largest unit of which there are two."""
    for name, unit in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * unit or (unit == 60 and seconds >= unit):
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"


def write(page: Path, text: str) -> None:
    """Puts the table between the marks of a page."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has not the lines {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--array", type=int, default=1000)
    parser.add_argument("--image", type=float, default=5e9)
    parser.add_argument("--bandwidth", type=float, default=1.25e9)
    parser.add_argument("--page", type=Path)
    given = vars(parser.parse_args())
    page = given.pop("page")
    asked = Asked(**given)
    if page is not None:
        write(page, table(asked, Costs()))
        return
    json.dump({**given, **asdict(Costs()), **forecast(asked, Costs())}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
