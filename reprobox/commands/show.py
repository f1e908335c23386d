"""show: one run with its outputs and the verdicts of its replays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from reprobox.commands.shared.read_values import reader
from reprobox.context import Context
from reprobox.executor import executors, reconcile
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.verdict import Verdict
from reprobox.store.annotation_log import Annotation
from reprobox.store.run_values import Scalar


@dataclass(frozen=True, kw_only=True)
class VerdictRow:
    """A verdict that a replay of the run left."""

    id: str
    result: str
    created: float
    host: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Shown:
    """All there is to say of one run."""

    id: str
    state: str
    where: str | None = None
    """Where a run was started that another host or engine has."""
    path: Path
    record: Record | None
    digest: str | None
    outputs: tuple[OutputFile, ...]
    verdicts: tuple[VerdictRow, ...]
    said: Annotation = field(default_factory=Annotation)
    """Names, tags and notes that were given afterwards."""
    values: tuple[tuple[str, str, str, Scalar], ...] = ()
    """(kind, name, source, value) of its metrics and parameters."""

    def as_json(self) -> dict[str, Any]:
        """Stable keys; nulls kept."""
        return {
            "id": self.id,
            "state": self.state,
            "where": self.where,
            "path": str(self.path),
            "digest": self.digest,
            "record": codec.to_json(self.record) if self.record else None,
            "outputs": [codec.to_json(file) for file in self.outputs],
            "replays": [
                {"id": row.id, "result": row.result, "created": row.created, "host": row.host}
                for row in self.verdicts
            ],
            "name": self.name,
            "tags": list(self.tags),
            "notes": [asdict(note) for note in self.said.notes],
            "metrics": {n: value for kind, n, _, value in self.values if kind == "metric"},
            "params": {n: value for kind, n, _, value in self.values if kind == "param"},
        }

    @property
    def name(self) -> str | None:
        """The run's name now."""
        recorded = self.record.intent.name if self.record else None
        return recorded if self.said.name is None else self.said.name or None

    @property
    def tags(self) -> tuple[str, ...]:
        """The run's tags now."""
        recorded = self.record.intent.tags if self.record else ()
        kept = [tag for tag in recorded if tag not in self.said.removed]
        return (*kept, *(tag for tag in self.said.added if tag not in kept))


def show(context: Context, reference: str) -> Shown:
    """One run, with its outputs and the verdicts of its replays."""
    with context.runs.index.session():
        return _shown(context, reference)


def _shown(context: Context, reference: str) -> Shown:
    reconcile.settle(context)
    run_id = context.runs.find(reference)
    state = executors.of_run(context, run_id).state(run_id)
    if not state.recorded:
        return Shown(
            id=run_id,
            state=state.name,
            where=state.why.removeprefix("started ") if state.name == "unknown-here" else None,
            path=context.runs.path(run_id),
            record=None,
            digest=None,
            outputs=(),
            verdicts=(),
        )
    record, digest = context.runs.record(run_id)
    return Shown(
        id=run_id,
        state=state.name,
        path=context.runs.path(run_id),
        record=record,
        digest=digest,
        outputs=context.runs.outputs(run_id),
        verdicts=tuple(_verdicts(context, run_id)),
        said=context.runs.annotation(run_id),
        values=context.runs.values(run_id, reader(context)).values,
    )


def _verdicts(context: Context, run_id: str) -> Iterator[VerdictRow]:
    for row in list(context.runs.list(replay_of=run_id)):
        verdicts = context.runs.verdicts(row.id)
        host = context.runs.record(row.id)[0].intent.host if verdicts else {}
        for verdict in verdicts:
            yield VerdictRow(
                id=row.id,
                result=verdict.result,
                created=verdict.checked,
                host=f"{host.get('user')}@{host.get('name')}",
                verdict=verdict,
            )
