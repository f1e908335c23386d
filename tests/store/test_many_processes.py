"""Many processes on one store at the same moment, and one winner for each name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import harness_trace
from harness_runs import NOW, an_intent

from reprobox.store import heads, integrity
from reprobox.store.objects import ObjectStore
from reprobox.store.runs import Runs

PROCESSES = 16
LONG = os.environ.get("REPROBOX_TORTURE") == "1"


def test_sixteen_processes_on_one_store(tmp_path: Path) -> None:
    root = tmp_path / ".reprobox"
    argv = [sys.executable, str(harness_trace.HERE / "harness_many.py"), str(root)]
    children = [
        subprocess.Popen(
            [*argv, str(number), "1000" if LONG else "12"],
            env=harness_trace.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    left: set[str] = set()
    for child in children:
        out, err = child.communicate()
        assert child.returncode == 0, err
        left |= set(out.split())
    runs = Runs(root)
    assert set(runs.ids()) == left
    assert {row.id for row in runs.list()} == left
    assert integrity.check(root).faults == ()
    assert sum(1 for head in heads.read(root) if head.event == "record") >= len(left)
    assert os.listdir(root / "tmp") == []


def test_one_winner_for_each_id(tmp_path: Path) -> None:
    root = tmp_path / ".reprobox"
    Runs(root).begin(an_intent(now=NOW), {}).release()
    run_id = "20261120-153012-calm-otter-0000"
    code = f"""
import sys
from pathlib import Path
from harness_runs import an_intent
from reprobox.errors import RunBusy
from reprobox.store.runs import Runs
sys.stdin.read(1)
try:
    Runs(Path({str(root)!r})).begin(an_intent({run_id!r}), {{}})
except RunBusy:
    raise SystemExit(7)
"""
    gate, opened = os.pipe()
    children = [
        subprocess.Popen([sys.executable, "-c", code], env=harness_trace.environment(), stdin=gate)
        for _ in range(PROCESSES)
    ]
    os.close(gate)
    os.close(opened)
    assert sorted(child.wait() for child in children) == [0] + [7] * (PROCESSES - 1)
    assert run_id in Runs(root).ids()


def test_a_store_is_created_by_all_and_is_one(tmp_path: Path) -> None:
    root = tmp_path / "new" / ".reprobox"
    code = f"""
import sys
from pathlib import Path
from reprobox.store.objects import ObjectStore
sys.stdin.read(1)
ObjectStore(Path({str(root)!r})).put_bytes(sys.argv[1].encode())
"""
    gate, opened = os.pipe()
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(number)], env=harness_trace.environment(), stdin=gate
        )
        for number in range(PROCESSES)
    ]
    os.close(gate)
    os.close(opened)
    assert [child.wait() for child in children] == [0] * PROCESSES
    store = ObjectStore(root)
    assert [store.verify(digest) for digest in store.iterate()] == [True] * PROCESSES
