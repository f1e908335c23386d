"""The go on a machine with a GPU, rehearsed without one: the report has every part whatever fails.
The device is a stand-in: the CPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from torch_python import torch_python

from benchmarks import gpu_visit
from reprobox.kit import proc

ROOT = Path(__file__).parents[1]
PARTS = [
    *("machine", "product", "determinism", "operations", "trail", "graphs", "ranks", "switches"),
]


def visit(out: Path, *words: str | Path) -> dict[str, Any]:
    done = proc.run(
        [sys.executable, ROOT / "benchmarks" / "gpu_visit.py", "--device", "cpu", "--out", out]
        + [str(word) for word in words]
    )
    assert done.ok, done.error_text
    report = json.loads(out.read_bytes())
    assert [name for name in report if name not in ("format", "device")] == PARTS
    return dict(report)


def test_a_part_that_fails_loses_no_other(tmp_path: Path) -> None:
    """Here all fail: the interpreter has no torch."""
    report = visit(tmp_path / "report.json", "--python", "/bin/false", "--product", "/bin/false")
    assert set(report.pop("ranks")) == {"ddp, gloo", "ddp", "fsdp", "seconds"}
    assert all("error" in report[name] for name in PARTS if name != "ranks")
    assert all("seconds" in report[name] for name in PARTS if name != "ranks")


def test_without_time_every_part_says_so(tmp_path: Path) -> None:
    report = visit(tmp_path / "report.json", "--seconds", "0")
    assert {report[name]["left out"] for name in PARTS} == {"no time was left"}


def test_what_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    """A rank that stays would hold the card."""
    program = "sleep 600 & echo $! > pid; wait"
    with pytest.raises(subprocess.TimeoutExpired):
        gpu_visit._ended(["sh", "-c", program], env=os.environ, cwd=tmp_path, seconds=2)
    rank = Path("/proc") / (tmp_path / "pid").read_text().strip() / "stat"
    deadline = time.monotonic() + 30
    while rank.exists() and rank.read_text().rpartition(")")[2].split()[0] not in "ZX":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_trails_hash_is_rehearsed_on_the_cpu(tmp_path: Path) -> None:
    report = visit(tmp_path / "report.json", "--python", torch_python(), "--only", "trail")
    assert set(report["trail"]["equal"].values()) == {True}
    assert report["determinism"] == {"left out": "not asked for"}


def test_the_tables_say_what_differs_what_it_costs_and_what_another_card_gives(
    tmp_path: Path,
) -> None:
    ways = {
        "observe": {"cnn": {"distinct": 5, "digests": list("abcde"), "ms": 2.0}},
        "seeds only": {"cnn": {"distinct": 3, "digests": list("abc"), "ms": 2.0}},
        "same-machine": {"cnn": {"distinct": 1, "digests": ["a"], "ms": 2.2}},
    }
    report = tmp_path / "one.json"
    report.write_text(json.dumps({"determinism": {"runs": 5, "ways": ways}}))
    ways["same-machine"]["cnn"]["digests"] = ["b"]
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"determinism": {"runs": 5, "ways": ways}}))
    said = [
        proc.run([sys.executable, ROOT / "benchmarks" / "gpu_visit.py", "--table", *reports])
        for reports in ([report, report], [report, other])
    ]
    rows = [one.out.decode().splitlines()[-1] for one in said]
    assert rows[0] == "| cnn | 5 | 3 | 1 | 2.20 ms | +10 % | the same bits |"
    assert rows[1].endswith("| other bits |")
