"""mlflow-sync: recorded runs, their metrics and verdicts, into an MLflow server of the team."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from reprobox.commands import ls
from reprobox.commands.shared.read_values import reader
from reprobox.context import Context
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.record import Record
from reprobox.trackers.mlflow_server import Server, ServerRun
from reprobox.trackers.reading import flat

VERDICT_TAG = "reprobox.replays"


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What was sent: ids of ours."""

    added: tuple[str, ...]
    updated: tuple[str, ...]
    """Runs that the server had, whose verdicts, name or tags are new."""
    experiment: str


def sync(context: Context, uri: str, experiment: str, wanted: ls.Wanted) -> Synced:
    """Sends every recorded run that the server does not have, and the verdicts of those it has.

    Raises:
        UsageError: no address.
        ServerFailed: the server did not answer, or refused; a second call continues.
    """
    rows = [item.row for item in ls.list_runs(context, wanted, limit=None)]
    added, updated = [], []
    with (
        closing(Server(uri, experiment)) as server,
        context.progress.task("runs to MLflow") as bar,
    ):
        known = server.known()
        for number, row in enumerate(reversed(rows), 1):
            if row.digest and row.id not in known:
                server.add(_server_run(context, row.id))
                added.append(row.id)
            elif row.id in known:
                server.set_tags(known[row.id], _tags(context, context.runs.record(row.id)[0]))
                updated.append(row.id)
            bar.update(0, f"{number} of {len(rows)}")
    return Synced(added=tuple(added), updated=tuple(updated), experiment=experiment)


def _server_run(context: Context, run_id: str) -> ServerRun:
    record = context.runs.record(run_id)[0]
    found = context.runs.values(run_id, reader(context))
    params = {name: str(value) for kind, name, _, value in found.values if kind == "param"}
    params |= {
        name: _text(value)
        for name, value in flat(record.intent.config)
        if not name.startswith("reprobox.")
    }
    return ServerRun(
        id=run_id,
        name=record.intent.name or run_id,
        started=record.started,
        finished=record.finished,
        ok=record.exit.code == 0,
        params=params,
        metrics={
            name: value
            for kind, name, _, value in found.values
            if kind == "metric" and isinstance(value, float)
        },
        series={name: points for name, _, points in found.series},
        tags=_tags(context, record),
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tags(context: Context, record: Record) -> Mapping[str, str]:
    """What names the experiment, and what became of its replays."""
    intent, said = record.intent, context.runs.annotation(record.id)
    tags = {
        "mlflow.runName": (said.name or intent.name or record.id),
        "mlflow.source.git.commit": intent.source.commit,
        "reprobox.identity": intent.identity,
        "reprobox.image": intent.runspec.image,
        "reprobox.tags": ",".join((*intent.tags, *said.added)),
    }
    verdicts = [
        f"{verdict.result} ({row.id})"
        for row in context.runs.list(replay_of=record.id)
        for verdict in context.runs.verdicts(row.id)
    ]
    return {**tags, VERDICT_TAG: "; ".join(verdicts) or "none yet"}
