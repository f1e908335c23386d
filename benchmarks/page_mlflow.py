"""The same number of runs in MLflow's own store, and what its UI asks for; run by page.py.

    PYTHON benchmarks/page_mlflow.py RUNS      PYTHON has mlflow

Runs are written into MLflow's SQLite schema by its own classes, in bulk. The server is the real
`mlflow server` on loopback, one worker; timed is the request of its runs page (100 runs, as it asks
for them), with the same sort and condition as ours. Prints rows of a Markdown table.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PAGES = {
    "first page": {},
    "where accuracy > 0.999": {"filter": "metrics.accuracy > 0.999"},
    "sorted by accuracy": {"order_by": ["metrics.accuracy DESC"]},
}


def fill(uri: str, count: int) -> str:
    """Runs with two parameters and two metrics each; the experiment's id."""
    from mlflow.store.tracking.dbmodels import models
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(uri, "/tmp/none")
    experiment = store.create_experiment("page")
    number = int(experiment)
    with store.ManagedSessionMaker() as session:
        for begin in range(0, count, 5000):
            rows: dict[type, list[dict[str, object]]] = {
                kind: []
                for kind in (
                    models.SqlRun,
                    models.SqlParam,
                    models.SqlLatestMetric,
                    models.SqlMetric,
                )
            }
            for at in range(begin, min(begin + 5000, count)):
                run = f"{at:032x}"
                rows[models.SqlRun].append(
                    {
                        "run_uuid": run,
                        "name": f"run-{at}",
                        "status": "FINISHED",
                        "start_time": 1_700_000_000_000 + at,
                        "end_time": 1_700_000_001_000 + at,
                        "lifecycle_stage": "active",
                        "experiment_id": number,
                        "artifact_uri": "none",
                        "user_id": "x",
                        "source_type": "LOCAL",
                        "source_name": "",
                        "entry_point_name": "",
                        "source_version": "",
                    }
                )
                for key, value in (("lr", "0.1"), ("seed", "1")):
                    rows[models.SqlParam].append({"key": key, "value": value, "run_uuid": run})
                for key, one in (("accuracy", (at * 7919) % 1_000_000 / 1e6), ("loss", 0.1)):
                    metric = {"key": key, "value": one, "timestamp": 1, "step": 0, "is_nan": False}
                    rows[models.SqlLatestMetric].append({**metric, "run_uuid": run})
                    rows[models.SqlMetric].append({**metric, "run_uuid": run})
            for kind, made in rows.items():
                session.bulk_insert_mappings(kind, made)
    return experiment


def asked(port: int, experiment: str, more: dict[str, object]) -> float:
    """Seconds of one request."""
    body = {"experiment_ids": [experiment], "max_results": 100, **more}
    begun = time.perf_counter()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/search",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        found = json.loads(answer.read())
    assert "filter" in more or found.get("runs"), "no runs came back"
    return time.perf_counter() - begun


def main() -> None:
    count = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        uri = f"sqlite:///{directory}/store.db"
        experiment = fill(uri, count)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri),
                *("--port", str(port), "--workers", "1"),
            ],
            cwd=directory,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
            stdout=subprocess.DEVNULL,
            stderr=(Path(directory) / "log").open("wb"),
            start_new_session=True,
        )
        try:
            for _ in range(240):
                try:
                    asked(port, experiment, {})
                    break
                except OSError:
                    time.sleep(0.5)
            for name, more in PAGES.items():
                times = sorted(asked(port, experiment, more) * 1000 for _ in range(9))
                print(f"| {name} | {statistics.median(times):.0f} | {times[-1]:.0f} |", flush=True)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


if __name__ == "__main__":
    main()
