"""Several runs next to each other: what of config, code, packages, metrics and outputs differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reprobox.commands.shared import comparison
from reprobox.commands.shared.read_values import reader
from reprobox.context import Context
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.record import Record
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import Verdict
from reprobox.store.run_values import Scalar
from reprobox.trackers.reading import flat


@dataclass(frozen=True, kw_only=True)
class Row:
    """A thing that at least two of the runs have otherwise."""

    section: str
    """`code`, `config`, `package`, `metric` or `output`."""
    name: str
    values: tuple[Scalar, ...]
    """One for each run, None where a run does not have it."""


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """The table, and the verdict of each run against the first."""

    runs: tuple[str, ...]
    rows: tuple[Row, ...]
    verdicts: tuple[Verdict, ...]
    """One fewer than there are runs."""


def compare(context: Context, ids: Sequence[str], rules: Sequence[OutputRule]) -> SideBySide:
    """Compares runs by id; the first is what the others are compared with."""
    records = [context.runs.record(run_id)[0] for run_id in ids]
    rows: list[Row] = []
    for section, values in _SECTIONS.items():
        rows += _differing(section, [values(context, record) for record in records])
    verdicts = [comparison.compare(context, ids[0], other, rules=rules) for other in ids[1:]]
    return SideBySide(runs=tuple(ids), rows=tuple(rows), verdicts=tuple(verdicts))


def _differing(section: str, sides: Sequence[Mapping[str, Scalar]]) -> list[Row]:
    names = dict.fromkeys(name for side in sides for name in side)
    rows = [
        Row(section=section, name=name, values=tuple(side.get(name) for side in sides))
        for name in names
    ]
    return [row for row in rows if len(set(row.values)) > 1]


def _code(context: Context, record: Record) -> Mapping[str, Scalar]:
    asked = record.intent.runspec
    return {
        "commit": asked.commit,
        "command": " ".join(asked.argv),
        "profile": asked.profile,
        "seed": str(asked.seed),
        "threads": str(asked.threads),
        "image": asked.image,
        "runtime": asked.runtime,
    }


def _config(context: Context, record: Record) -> Mapping[str, Scalar]:
    return {
        name: value if isinstance(value, str) else repr(value)
        for name, value in flat(record.intent.config)
    }


def _packages(context: Context, record: Record) -> Mapping[str, Scalar]:
    lock = record.intent.lock
    return {
        **{deb.name: deb.version for deb in (*lock.base.packages, *lock.debs)},
        **{wheel.name: wheel.version for wheel in lock.wheels},
    }


def _metrics(context: Context, record: Record) -> Mapping[str, Scalar]:
    found = context.runs.values(record.id, reader(context)).values
    return {name: value for kind, name, _, value in found if kind == "metric"}


def _outputs(context: Context, record: Record) -> Mapping[str, Scalar]:
    return {file.path: file.sha256 for file in context.runs.outputs(record.id)}


_SECTIONS: Mapping[str, Callable[[Context, Record], Mapping[str, Scalar]]] = {
    "code": _code,
    "config": _config,
    "package": _packages,
    "metric": _metrics,
    "output": _outputs,
}
