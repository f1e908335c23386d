"""Recorded runs in a real MLflow server: each once, with metrics, parameters and verdicts."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness_runs import EMPTY, NOW, a_record, an_intent, an_output
from mlflow_python import mlflow_python

from reprobox.cli.messages import Talk
from reprobox.commands import ls, mlflow_sync
from reprobox.context import Context
from reprobox.errors import ServerFailed, UsageError
from reprobox.kit import proc
from reprobox.model.verdict import Verdict
from reprobox.store.output_manifest import outputs_manifest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server."""
    top = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (top / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(mlflow_python(), "-m", "mlflow", "server", "--host", "127.0.0.1"),
                *("--port", str(port), "--workers", "1"),
                *("--backend-store-uri", f"sqlite:///{top}/mlflow.db"),
                *("--artifacts-destination", str(top / "artifacts")),
            ],
            cwd=top,
            env={
                **os.environ,
                "HOME": str(top),
                "PATH": f"{mlflow_python().parent}:{os.environ['PATH']}",
            },
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()
            break
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, (top / "log").read_text()[-2000:]
            time.sleep(0.2)
    yield url
    process.terminate()
    process.wait()


@pytest.fixture
def context(tmp_path: Path) -> Context:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
    for words in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        assert proc.run(["git", "-C", tmp_path, *words]).ok
    return Context(start=tmp_path, progress=Talk(quiet=True))


def recorded(context: Context, number: int, **changes: Any) -> str:
    rows = "".join(json.dumps({"step": n, "loss": 1 / (n + number)}) + "\n" for n in range(1, 4))
    outputs = (an_output("log.jsonl", rows.encode()),)
    config = {"lr": number / 10, "reprobox": {"seed": 1}}
    intent = an_intent(context.runs.new_id(), now=NOW + number, config=config, **changes)
    with context.runs.begin(intent, {"config.yaml": b""}) as run:
        run.started("f" * 64)
        run.outputs.mkdir()
        (run.outputs / "log.jsonl").write_text(rows)
        run.finish(a_record(intent, outputs), outputs_manifest(outputs))
    return intent.id


def search(server: str, experiment: str) -> list[dict[str, Any]]:
    def ask(path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{server}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    found = ask(f"experiments/get-by-name?experiment_name={experiment}")
    ids = [found["experiment"]["experiment_id"]]
    return list(ask("runs/search", {"experiment_ids": ids}).get("runs", []))


def pairs(run: dict[str, Any], kind: str) -> dict[str, Any]:
    return {one["key"]: one["value"] for one in run["data"].get(kind, [])}


def test_runs_are_sent_once_and_verdicts_later(context: Context, server: str) -> None:
    first, second = recorded(context, 1, name="one"), recorded(context, 2)
    done = mlflow_sync.sync(context, server, "digits", ls.Wanted())
    assert set(done.added) == {first, second}
    found = {pairs(run, "tags")["reprobox.run"]: run for run in search(server, "digits")}
    assert set(found) == {first, second}
    assert pairs(found[first], "params") == {"lr": "0.1"}
    assert pairs(found[first], "metrics") == {"loss": pytest.approx(0.25)}
    assert found[first]["info"]["run_name"] == "one"
    assert found[first]["info"]["status"] == "FINISHED"
    assert pairs(found[first], "tags")["reprobox.replays"] == "none yet"

    replay = recorded(context, 3, replay_of=first)
    verdict = Verdict(
        result="identical",
        left=first,
        right=replay,
        left_record=EMPTY,
        right_record=EMPTY,
        files=(),
        exit_equal=True,
        checked=NOW,
    )
    context.runs.add_verdict(replay, verdict)
    done = mlflow_sync.sync(context, server, "digits", ls.Wanted())
    assert (done.added, set(done.updated)) == ((replay,), {first, second})
    found = {pairs(run, "tags")["reprobox.run"]: run for run in search(server, "digits")}
    assert pairs(found[first], "tags")["reprobox.replays"] == f"identical ({replay})"
    assert len(search(server, "digits")) == 3


def test_a_server_that_is_not_there(context: Context) -> None:
    with pytest.raises(ServerFailed, match="did not answer"):
        mlflow_sync.sync(context, "http://127.0.0.1:9", "x", ls.Wanted())
    with pytest.raises(UsageError, match="not the address"):
        mlflow_sync.sync(context, "", "x", ls.Wanted())
