"""`import reprobox`: best run, its files, a run, a replay and a sweep, from Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flow_project import TOP, Project

PROGRAM = """\
import pandas

import reprobox

made = reprobox.run("config.yaml", {"scale": 2})
assert made.exit_code == 0 and made.config["scale"] == 2, made
assert made.metrics == {"sum": 12.0, "draw": made.series["draw"][-1][1]}, made.metrics
verdict = reprobox.replay(made)
assert verdict.same
swept = reprobox.sweep("config.yaml", {"scale": [4, 5]})
assert [run.metrics["sum"] for run in swept.runs] == [24.0, 30.0]
best = max(reprobox.runs(where="scale > 2"), key=lambda run: run.metrics["sum"])
assert best.id == swept.runs[1].id
assert best.outputs["results/metrics.json"].json()["sum"] == 30
assert "sum 30" in best.stdout()
(first,) = made.verdicts
assert first.result == "identical"
table = reprobox.runs(sort="-sum").to_pandas()
assert isinstance(table, pandas.DataFrame)
assert list(table["metric.sum"])[:2] == [30.0, 24.0]
assert table.loc[best.id, "config.scale"] == 5
best.outputs["model.bin"].path.chmod(0o600)
best.outputs["model.bin"].path.write_bytes(b"rotten")
try:
    best.outputs["model.bin"].read_bytes()
except Exception as fault:
    assert "digest mismatch" in str(fault), fault
else:
    raise SystemExit("rotten bytes were given out")
print("all of it")
"""


def test_everything_from_a_notebook(project: Project, tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=project.top,
        env=project.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout) == (0, "all of it\n"), said.stderr


def test_the_package_starts_without_the_api() -> None:
    program = (
        "import sys, reprobox; assert 'reprobox.api' not in sys.modules; "
        "assert 'runs' in dir(reprobox); reprobox.runs; assert 'reprobox.api' in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(TOP)}
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    import reprobox

    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = reprobox.absent
