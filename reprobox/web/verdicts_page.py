"""The verdict matrix: each experiment that was replayed, by replay, machine or GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reprobox.context import Context
from reprobox.errors import NewerFormat, ReproboxError, StoreDamaged
from reprobox.model import codec
from reprobox.model.verdict import Class, worst
from reprobox.store import verdict_files
from reprobox.store.run_row import RunRow
from reprobox.web.asked import Asked, Page

SIZE = 50
"""Experiments of one page."""
_REPLAYS = 5000
"""Replays that are looked at, the newest."""
BY = {"machine": "machine", "gpu": "GPU", "replay": "replay"}


@dataclass(frozen=True, kw_only=True)
class _Cpu:
    model_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Gpu:
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Met:
    cpu: _Cpu | None = None
    gpus: list[_Gpu] | None = None


@dataclass(frozen=True, kw_only=True)
class _Intent:
    host: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Record:
    intent: _Intent
    met: _Met = field(default_factory=_Met)

    @property
    def machine(self) -> str:
        """The host, and its processor."""
        cpu = self.met.cpu.model_name if self.met.cpu else None
        return ", ".join(filter(None, (str(self.intent.host.get("name") or "unknown"), cpu)))

    @property
    def gpu(self) -> str:
        """The GPUs that were seen."""
        names = sorted({one.name or "unknown" for one in self.met.gpus or ()})
        return ", ".join(names) or "no GPU"


@dataclass(frozen=True, kw_only=True)
class _Verdict:
    result: Class
    left: str


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A replay: where it ran and what came of it; None where it has no verdict."""

    run: str
    machine: str
    gpu: str
    result: Class | None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The replays of one experiment under one column."""

    replays: tuple[Replay, ...]
    here: bool = False
    """Whether the experiment itself ran there."""

    @property
    def result(self) -> Class | None:
        """The class that counts; a replay without a verdict makes it none."""
        found = [one.result for one in self.replays]
        known = [one for one in found if one is not None]
        lost = worst(known) if known else None
        return lost if lost is not None and (None not in found or lost.code) else None

    @property
    def count(self) -> int:
        """How many of them have that class."""
        return sum(one.result == self.result for one in self.replays)


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The page."""

    by: str
    columns: Sequence[str]
    rows: Sequence[tuple[RunRow, Mapping[str, Cell]]]
    total: int
    """Experiments that were replayed."""
    never: int
    """Recorded runs that were never replayed."""
    cut: bool
    totals: Mapping[Class, int]


def page(asked: Asked) -> Page:
    """The matrix, by `machine`, `gpu` or `replay`."""
    by = asked.one("by", "machine")
    by = by if by in BY else "machine"
    number = asked.number("page")
    made = gather(asked.context, by, offset=(number - 1) * SIZE)
    last = max(1, -(-made.total // SIZE))
    steps = {"first": 1, "previous": number - 1, "next": number + 1, "last": last}
    pages = {
        "number": number,
        "last": last,
        "steps": [
            (name, asked.links.page("verdicts", by=by, page=str(to)))
            if 1 <= to <= last and to != number
            else (name, "")
            for name, to in steps.items()
        ],
    }
    facts = {"matrix": made, "pages": pages, "choices": BY}
    return Page(title="Verdicts", template="verdicts.html", facts=facts, tab="verdicts")


def gather(
    context: Context, by: str, *, offset: int = 0, only: Sequence[str] | None = None
) -> Matrix:
    """The matrix.

    Args:
        only: ids of experiments or replays; None for all.
    """
    replays = context.runs.index.rows("replay_of IS NOT NULL AND created >= 0", limit=_REPLAYS)
    wanted = None if only is None else set(only)
    by_original: dict[str, list[RunRow]] = {}
    for row in replays:
        if row.replay_of and (wanted is None or {row.id, row.replay_of} & wanted):
            by_original.setdefault(row.replay_of, []).append(row)
    names = list(by_original)[offset : offset + SIZE]
    rows = [(_row(context, name), by_original[name]) for name in names]
    cells = [(row, _cells(context, row, found, by)) for row, found in rows]
    columns = list(dict.fromkeys(column for _, found in cells for column in found))
    totals: dict[Class, int] = {}
    for _, found in cells:
        for cell in found.values():
            for one in cell.replays:
                if one.result is not None:
                    totals[one.result] = totals.get(one.result, 0) + 1
    return Matrix(
        by=by,
        columns=sorted(columns, key=lambda name: name.rjust(4) if by == "replay" else name),
        rows=cells,
        total=len(by_original),
        never=_never(context, by_original) if only is None else 0,
        cut=len(replays) == _REPLAYS,
        totals={one: totals[one] for one in Class if one in totals},
    )


def _never(context: Context, by_original: Mapping[str, object]) -> int:
    def question(database: Any) -> int:
        sql = (
            "SELECT count(*) FROM runs WHERE replay_of IS NULL AND created >= 0 AND digest != '' "
            "AND id NOT IN (SELECT replay_of FROM runs WHERE replay_of IS NOT NULL)"
        )
        return int(database.execute(sql).fetchone()[0])

    return context.runs.index.ask(question)


def _row(context: Context, run_id: str) -> RunRow:
    """The experiment; a placeholder where it was removed."""
    found = context.runs.index.rows("id = ? AND created >= 0", (run_id,))
    return found[0] if found else RunRow(id=run_id, state="removed", created=0.0)


def _cells(
    context: Context, original: RunRow, replays: Sequence[RunRow], by: str
) -> Mapping[str, Cell]:
    found: dict[str, list[Replay]] = {}
    for at, row in enumerate(reversed(replays), 1):
        replay = _replay(context, row)
        if replay is not None:
            name = {"machine": replay.machine, "gpu": replay.gpu, "replay": str(at)}[by]
            found.setdefault(name, []).append(replay)
    own = _record(context, original.id) if by != "replay" and original.digest else None
    here = None if own is None else own.machine if by == "machine" else own.gpu
    return {name: Cell(replays=tuple(many), here=name == here) for name, many in found.items()} | (
        {here: Cell(replays=(), here=True)} if here and here not in found else {}
    )


def _replay(context: Context, row: RunRow) -> Replay | None:
    """None for a replay that is still running, or whose record cannot be read."""
    record = _record(context, row.id) if row.digest else None
    if record is None:
        return None
    result = None
    for path in verdict_files.paths(context.runs.path(row.id)):
        try:
            found = codec.peek(_Verdict, path.read_bytes(), where=str(path))
        except (OSError, StoreDamaged, NewerFormat):
            continue
        if found.left == row.replay_of:
            result = found.result
    return Replay(run=row.id, machine=record.machine, gpu=record.gpu, result=result)


def _record(context: Context, run_id: str) -> _Record | None:
    try:
        return codec.peek(_Record, context.runs.record_bytes(run_id), where=f"record {run_id}")
    except ReproboxError:
        return None
