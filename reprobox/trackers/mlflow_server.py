"""An MLflow tracking server, by its REST API 2.0 (https://mlflow.org/docs/latest/rest-api.html).

The address and the credentials are MLflow's own variables: MLFLOW_TRACKING_URI,
MLFLOW_TRACKING_TOKEN, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

import requests

from reprobox.errors import ServerFailed, UsageError
from reprobox.kit.lazy_dataclass import dataclass

RUN_TAG = "reprobox.run"
"""Holds the id of the run of ours that a run of theirs stands for."""
_BATCH = 900
"""Metrics, or parameters and tags, in one request; the server takes 1,000 and 100."""
_SMALL_BATCH = 90
_LONGEST_PARAM, _LONGEST_TAG = 6000, 5000
"""Characters."""
_TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two bytes."""


@dataclass(frozen=True, kw_only=True)
class ServerRun:
    """What is sent of one run."""

    id: str
    name: str
    started: float
    """Seconds since 1970."""
    finished: float
    ok: bool
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    series: Mapping[str, Sequence[tuple[float, float]]]
    """Points (step, value) of metrics."""
    tags: Mapping[str, str] = field(default_factory=dict)


class Server:
    """One server, one experiment."""

    def __init__(self, uri: str, experiment: str) -> None:
        if not uri.startswith(("http://", "https://")):
            raise UsageError(
                f"{uri or 'an empty address'!r} is not the address of an MLflow server",
                next_step="set MLFLOW_TRACKING_URI, or give --to http://HOST:PORT",
            )
        self._uri = uri.rstrip("/")
        self._session = requests.Session()
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        user = os.environ.get("MLFLOW_TRACKING_USERNAME")
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        elif user:
            self._session.auth = (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", ""))
        self._experiment = self._find_experiment(experiment)

    def close(self) -> None:
        """Closes the connection."""
        self._session.close()

    def _ask(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{self._uri}/api/2.0/mlflow/{path}"
        kind = {"params": body} if method == "GET" else {"json": body}
        try:
            answer = self._session.request(method, url, timeout=_TIMEOUT, **kind)  # type: ignore[arg-type]
            found = answer.json() if answer.content else {}
        except (requests.RequestException, ValueError) as fault:
            raise ServerFailed(
                f"the MLflow server at {self._uri} did not answer",
                why=str(fault)[:300],
                next_step="look at MLFLOW_TRACKING_URI, or give --to http://HOST:PORT",
            ) from fault
        if not answer.ok:
            raise _Refused(
                str(found.get("error_code", answer.status_code)), str(found.get("message", ""))
            )
        return dict(found)

    def _find_experiment(self, name: str) -> str:
        try:
            found = self._ask("GET", "experiments/get-by-name", {"experiment_name": name})
            return str(found["experiment"]["experiment_id"])
        except _Refused as fault:
            if fault.kind != "RESOURCE_DOES_NOT_EXIST":
                raise
        return str(self._ask("POST", "experiments/create", {"name": name})["experiment_id"])

    def known(self) -> dict[str, str]:
        """Runs of ours that the experiment has: our id -> theirs."""
        found: dict[str, str] = {}
        page: str | None = None
        while True:
            body: dict[str, Any] = {
                "experiment_ids": [self._experiment],
                "filter": f"tags.`{RUN_TAG}` LIKE '%'",
                "max_results": 1000,
            }
            answer = self._ask("POST", "runs/search", body | ({"page_token": page} if page else {}))
            for run in answer.get("runs", []):
                tags = {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}
                if RUN_TAG in tags:
                    found[tags[RUN_TAG]] = run["info"]["run_id"]
            page = answer.get("next_page_token")
            if not page:
                return found

    def add(self, run: ServerRun) -> str:
        """Makes a run with everything that is known; their id.

        The tag with our id is written last, so that a run that was cut off is not taken for whole:
        the next synchronization makes it again.
        """
        created = self._ask(
            "POST",
            "runs/create",
            {
                "experiment_id": self._experiment,
                "start_time": _millis(run.started),
                "run_name": run.name,
            },
        )
        theirs = str(created["run"]["info"]["run_id"])
        self._log(theirs, run)
        status = "FINISHED" if run.ok else "FAILED"
        end = {"run_id": theirs, "status": status, "end_time": _millis(run.finished)}
        self._ask("POST", "runs/update", end)
        self.set_tags(theirs, {RUN_TAG: run.id})
        return theirs

    def _log(self, theirs: str, run: ServerRun) -> None:
        params = [
            {"key": key[:250], "value": value[:_LONGEST_PARAM]} for key, value in run.params.items()
        ]
        for some in _pieces(params, _SMALL_BATCH):
            self._ask("POST", "runs/log-batch", {"run_id": theirs, "params": some})
        for some in _pieces(list(_points(run)), _BATCH):
            self._ask("POST", "runs/log-batch", {"run_id": theirs, "metrics": some})
        self.set_tags(theirs, run.tags)

    def set_tags(self, theirs: str, tags: Mapping[str, str]) -> None:
        """Sets tags of a run of theirs."""
        rows = [{"key": key[:250], "value": text[:_LONGEST_TAG]} for key, text in tags.items()]
        for some in _pieces(rows, _SMALL_BATCH):
            self._ask("POST", "runs/log-batch", {"run_id": theirs, "tags": some})


class _Refused(ServerFailed):
    """The server's own error."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"the MLflow server refused: {kind}", why=message[:500])
        self.kind = kind


def _points(run: ServerRun) -> Iterator[dict[str, Any]]:
    when = _millis(run.finished)
    for name, value in run.metrics.items():
        points = run.series.get(name) or [(0.0, value)]
        for step, number in points:
            yield {
                "key": _metric_name(name),
                "value": number,
                "timestamp": when,
                "step": int(step) if abs(step) < 2**62 else 0,
            }


def _metric_name(name: str) -> str:
    """MLflow takes letters, digits, `_`, `-`, `.`, `/`, blanks and colons."""
    kept = "".join(one if one.isalnum() or one in "_-./ :" else "_" for one in name)
    return kept[:250]


def _millis(seconds: float) -> int:
    return int(seconds * 1000)


def _pieces(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
