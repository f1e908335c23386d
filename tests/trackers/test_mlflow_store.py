"""MLflow's directory, and its database."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import sys
from pathlib import Path

import pytest
from tracker_values import LOSSES, numbers, paths_of, series, values_of

from reprobox.trackers.collect import Request, read


@pytest.mark.parametrize("only", ["mlruns", "mlflow.db"])
def test_mlflow(written: Path, only: str) -> None:
    root = written / "mlflow"
    files = tuple(path for path in paths_of(root) if path.startswith(only))
    (found,) = read([Request(root=root, files=files, declared={})])
    assert numbers(found) == {"loss": 0.25, "test/accuracy": 0.75}
    assert numbers(found, "param") == {"lr": 0.1, "opt": "sgd"}
    assert series(found)["loss"] == LOSSES


def test_what_mlflow_writes_for_nan_and_infinity(tmp_path: Path, written: Path) -> None:
    """A loss that diverged would be the best one as 0, which MLflow's database has for NaN."""
    place = tmp_path / "mlflow.db"
    place.write_bytes((written / "mlflow" / "mlflow.db").read_bytes())
    with contextlib.closing(sqlite3.connect(place)) as database, database:
        database.execute("UPDATE metrics SET value = 0, is_nan = 1 WHERE key = 'loss'")
        largest = sys.float_info.max
        database.execute("UPDATE metrics SET value = ? WHERE key = 'test/accuracy'", (-largest,))
    found = numbers(values_of(tmp_path))
    assert math.isnan(float(found["loss"]))
    assert found["test/accuracy"] == -math.inf
    with contextlib.closing(sqlite3.connect(place)) as database, database:
        database.execute("UPDATE runs SET lifecycle_stage = 'deleted'")
    assert values_of(tmp_path).values == ()
