"""diff: two records -> a verdict, and where bits differ: which tensor, which step, and what may be
why.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from reprobox.commands.shared import claim_check, forecast
from reprobox.context import Context
from reprobox.errors import NotComparable
from reprobox.judge import fold, name_causes, output_files
from reprobox.judge.rules import treatments
from reprobox.model import codec
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import (
    Class,
    FileDetail,
    FileState,
    FileVerdict,
    TrailComparison,
    Verdict,
)

if TYPE_CHECKING:
    from reprobox.judge.causes import Run
    from reprobox.judge.reader import Reader

Trails = Literal["where different", "always", "never"]
_LOOK_AT = 1000
"""So many files of different bytes are looked into; the rest are shown as different only."""


def compare(
    context: Context,
    left_id: str,
    right_id: str,
    *,
    rules: Sequence[OutputRule] = (),
    trails: Trails = "where different",
) -> Verdict:
    """Compares every output of two runs by hash, both ways, and looks inside where bytes differ.

    Args:
        rules: go before those that the original's record has.
        trails: when the trails are compared and causes are looked for; `never` is for runs whose
            steps are not numbered alike.

    Raises:
        RunBusy: a run has no record yet.
        StoreDamaged: a record or a manifest is not what was written.
    """
    from reprobox.judge.reader import Reader

    with Reader() as reader:
        return _compare(context, reader, (left_id, right_id), rules, trails=trails)


def _compare(
    context: Context,
    reader: Reader,
    ids: tuple[str, str],
    rules: Sequence[OutputRule],
    *,
    trails: Trails,
) -> Verdict:
    left_id, right_id = ids
    left, right = (_side(context, run_id) for run_id in ids)
    used = (*rules, *left.record.intent.runspec.outputs)

    @contextmanager
    def open_pair(one: OutputFile, other: OutputFile) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        with (
            _path(context, left_id, one.path).open("rb") as ours,
            _path(context, right_id, other.path).open("rb") as theirs,
        ):
            yield ours, theirs

    def look(one: OutputFile, other: OutputFile, rule: OutputRule) -> FileVerdict:
        inside = treatments(one.path, used)
        return _look(context, reader, ids, (one, other), rule, inside)

    def links(one: OutputFile, other: OutputFile) -> tuple[str, str]:
        ours, theirs = _path(context, left_id, one.path), _path(context, right_id, other.path)
        return os.readlink(ours), os.readlink(theirs)

    found = output_files.compare(
        left,
        right,
        look=look,
        open_pair=open_pair,
        links=links,
        rules=used,
        now=context.clock(),
    )
    more = (*_outside(left.record, right.record), *_snapshots(left.record, right.record))
    found = replace(found, rules=used if rules else (), notes=(*found.notes, *more))
    if claims := claim_check.of_pair(context, reader, left.record, right.record):
        found = fold.with_claims(found, claims)
    found = replace(found, notes=(*found.notes, *_no_trail(context, left.record, right.record)))
    if found.result is Class.IDENTICAL and trails != "always":
        return found
    if trails == "never":
        return replace(found, files=_detailed(context, reader, left, right, found.files))
    return _explained(context, reader, left, right, found)


def _outside(left: Record, right: Record) -> tuple[str, ...]:
    """Processes of either side that its profile did not reach; a promise does not cover them."""
    return tuple(dict.fromkeys((*forecast.outside(left), *forecast.outside(right))))


def _no_trail(context: Context, left: Record, right: Record) -> Iterator[str]:
    """Where a trail was asked for, and the program took no step that one is made of."""
    for record in (left, right):
        asked = record.intent.runspec.trail.enabled
        if asked and not any(context.runs.path(record.id).glob("trail*.jsonl")):
            yield (
                f"run {record.id} has no trail, though `trail` is set: it took no optimizer "
                "step of torch; `reprobox_trail.log(step, tensors)` writes one by hand"
            )


def _snapshots(left: Record, right: Record) -> tuple[str, ...]:
    """The sides whose code is not a commit of a branch."""
    lines = [
        f"the code of {record.id} is a snapshot of a work tree that was not clean, "
        f"{record.intent.source.commit[:12]}"
        for record in (left, right)
        if record.intent.source.snapshot
    ]
    return tuple(lines)


def _look(
    context: Context,
    reader: Reader,
    ids: tuple[str, str],
    pair: tuple[OutputFile, OutputFile],
    rule: OutputRule,
    inside: Sequence[Mapping[str, Any]] = (),
) -> FileVerdict:
    (one, other), (ours, theirs) = pair, (_path(context, *side) for side in _sides(ids, pair))
    return reader.look(
        ours,
        theirs,
        rule,
        path=one.path,
        ours=one.sha256,
        theirs=other.sha256,
        treatments=inside,
    )


def _sides(ids: tuple[str, str], pair: tuple[OutputFile, OutputFile]) -> Iterator[tuple[str, str]]:
    return ((run_id, file.path) for run_id, file in zip(ids, pair, strict=True))


def _explained(
    context: Context,
    reader: Reader,
    left: output_files.Side,
    right: output_files.Side,
    found: Verdict,
) -> Verdict:
    """The verdict with what the formats say of different files, the first step of the trails that
    differs, and ranked causes.
    """
    from reprobox.judge import causes as causes_
    from reprobox.runtime import profiles

    detailed = _detailed(context, reader, left, right, found.files)
    trails, notes = _trails(context, found)
    found = replace(found, files=detailed, trail=trails, notes=(*found.notes, *notes))
    if not _differs(found):
        return replace(found, causes=tuple(name_causes.causes(detailed)))
    causes = causes_.causes(
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
    unread = any(file.state is FileState.NOT_CHECKED for file in found.files)
    trails = found.trail is not None and found.trail.state == "different"
    differs = any(file.state.implies is Class.DIFFERENT for file in found.files)
    return found.result is Class.DIFFERENT or differs or unread or trails


def _trails(context: Context, found: Verdict) -> tuple[TrailComparison | None, tuple[str, ...]]:
    """What the trails say, and what is to be noted: a program writes its trail, so a damaged one
    must not cost the verdict.
    """
    from reprobox.judge import trail

    try:
        return trail.compare_runs(context.runs.path(found.left), context.runs.path(found.right)), ()
    except NotComparable as fault:
        why = fault.what + (f" ({fault.why})" if fault.why else "")
        note = f"the trails were not compared: {why}"
        return TrailComparison(state="not-checked", why=why), (note,)


def _detailed(
    context: Context,
    reader: Reader,
    left: output_files.Side,
    right: output_files.Side,
    found: tuple[FileVerdict, ...],
) -> tuple[FileVerdict, ...]:
    ours, theirs = ({file.path: file for file in side.outputs} for side in (left, right))
    detailed, budget = [], _LOOK_AT
    for file in found:
        pair = (ours.get(file.path), theirs.get(file.detail.other_name or file.path))
        if (
            file.state is FileState.DIFFERENT
            and budget
            and pair[0]
            and pair[1]
            and pair[0].kind == pair[1].kind == "file"
        ):
            budget -= 1
            ids = (left.record.id, right.record.id)
            seen = _look(context, reader, ids, (pair[0], pair[1]), OutputRule(pattern="*"))
            detailed.append(replace(file, detail=_joined(seen.detail, file.detail)))
        else:
            detailed.append(file)
    return tuple(detailed)


def _joined(seen: FileDetail, known: FileDetail) -> FileDetail:
    """What was seen inside, under what was known before."""
    said = set(known.__dataclass_fields__) - set(codec.unset(known))
    return replace(seen, **{name: getattr(known, name) for name in said})


def _side(context: Context, run_id: str) -> output_files.Side:
    record, digest = context.runs.record(run_id)
    return output_files.Side(record=record, digest=digest, outputs=context.runs.outputs(run_id))


def _path(context: Context, run_id: str, path: str) -> Path:
    return context.runs.path(run_id) / "outputs" / path


def _facts(record: Record) -> Run:
    from reprobox.judge.causes import Run as Facts

    return Facts(
        runspec=codec.to_json(record.intent.runspec),
        observed=record.observed,
        config=record.intent.config,
    )
