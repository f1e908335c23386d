"""diff: two records -> a verdict, and where bits differ: which tensor, which step, and what may be why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from reprobox.errors import NotComparable
from reprobox.flow import expect
from reprobox.flow.box import Box
from reprobox.judge import files
from reprobox.model import codec
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileVerdict, Verdict

if TYPE_CHECKING:
    from reprobox.judge.explain import Run

_LOOK_AT = 50
"""So many files of different bytes are looked into; each costs a process of its own. The rest are told as different."""


def compare(box: Box, left_id: str, right_id: str, *, trails: bool = False) -> Verdict:
    """Compares every output of two runs by hash, both ways, and looks inside where bytes differ.

    Args:
        trails: compare the trails and look for causes even where all outputs are identical.

    Raises:
        RunBusy: a run has no record yet.
        StoreDamaged: a record or a manifest is not what was written.
    """
    left, right = (_side(box, run_id) for run_id in (left_id, right_id))

    @contextmanager
    def open_pair(one: OutputFile, other: OutputFile) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        with _path(box, left_id, one.path).open("rb") as ours, _path(box, right_id, other.path).open("rb") as theirs:
            yield ours, theirs

    def look(one: OutputFile, other: OutputFile, rule: OutputRule) -> FileVerdict:
        return _look(box, left_id, right_id, one, other, rule)

    found = files.compare(left, right, look=look, open_pair=open_pair, now=box.clock())
    found = replace(found, notes=(*found.notes, *_outside(left.record, right.record)))
    if found.result == "identical" and not trails:
        return found
    return _explained(box, left, right, found)


def _outside(left: Record, right: Record) -> tuple[str, ...]:
    """Processes of either side that its profile did not reach; a promise says nothing of them."""
    return tuple(dict.fromkeys((*expect.outside(left), *expect.outside(right))))


def _look(box: Box, left_id: str, right_id: str, one: OutputFile, other: OutputFile, rule: OutputRule) -> FileVerdict:
    from reprobox.judge import look

    ours, theirs = _path(box, left_id, one.path), _path(box, right_id, other.path)
    return look.look(ours, theirs, rule, path=one.path, ours=one.sha256, theirs=other.sha256)


def _explained(box: Box, left: files.Side, right: files.Side, found: Verdict) -> Verdict:
    """The verdict with what the formats say of different files, the first step of the trails that differs, and ranked causes."""
    from reprobox.judge import explain
    from reprobox.runtime import profiles

    detailed = _detailed(box, left, right, found.files)
    trails, notes = _trails(box, found)
    found = replace(found, files=detailed, trail=trails, notes=(*found.notes, *notes))
    if not _differs(found):
        return found
    causes = explain.causes(
        _facts(left.record),
        _facts(right.record),
        files=detailed,
        trail=trails,
        dispatch=profiles.dispatch_class,
        cut_off=any(side.record.exit.by_the_moment for side in (left, right)),
    )
    return replace(found, causes=causes)


def _differs(found: Verdict) -> bool:
    """Whether there is anything that would need a cause."""
    unread = any(file.state == "not-checked" for file in found.files)
    return found.result == "different" or unread or (found.trail or {}).get("state") == "different"


def _trails(box: Box, found: Verdict) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """What the trails say, and what is to be noted: a program writes its trail, so a damaged one must not cost the verdict."""
    from reprobox.judge import trail

    try:
        return trail.compare_runs(box.runs.path(found.left), box.runs.path(found.right)), ()
    except NotComparable as fault:
        why = fault.what + (f" ({fault.why})" if fault.why else "")
        return {"state": "not-checked", "compared": 0, "why": why}, (f"the trails were not compared: {why}",)


def _detailed(box: Box, left: files.Side, right: files.Side, found: tuple[FileVerdict, ...]) -> tuple[FileVerdict, ...]:
    ours, theirs = ({file.path: file for file in side.outputs} for side in (left, right))
    detailed, budget = [], _LOOK_AT
    for file in found:
        pair = (ours.get(file.path), theirs.get(file.path))
        if file.state == "different" and budget and pair[0] and pair[1] and pair[0].kind == pair[1].kind == "file":
            budget -= 1
            seen = _look(box, left.record.id, right.record.id, pair[0], pair[1], OutputRule(pattern="*"))
            detailed.append(replace(file, detail={**seen.detail, **file.detail}))
        else:
            detailed.append(file)
    return tuple(detailed)


def _side(box: Box, run_id: str) -> files.Side:
    record, digest = box.runs.record(run_id)
    return files.Side(record=record, digest=digest, outputs=box.runs.outputs(run_id))


def _path(box: Box, run_id: str, path: str) -> Path:
    return box.runs.path(run_id) / "outputs" / path


def _facts(record: Record) -> Run:
    from reprobox.judge.explain import Run as Facts

    return Facts(runspec=codec.to_json(record.intent.runspec), met=record.met, config=record.intent.config)
