"""artifact: a directory for the reviewers of a paper's artifact, made from runs and verdicts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reprobox.attest.review import facts, package
from reprobox.attest.review.facts import Facts
from reprobox.commands import attest, export
from reprobox.commands.shared import claim_check, transfer
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.kit import files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.record import Record
from reprobox.store.transfer.copy import Role
from reprobox.version import __version__

SMOKE_SECONDS = 600.0
SMOKE_STEPS = 20
"""A smoke run takes minutes: of a longer run, so many first steps."""


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What was written."""

    path: str
    runs: tuple[str, ...]
    files: tuple[str, ...]
    """Paths in the directory, without those of runs."""
    notes: tuple[str, ...] = ()
    """What a reviewer will miss."""


def artifact(
    context: Context,
    references: Sequence[str],
    target: Path,
    *,
    title: str = "",
    license_: str = "",
    parts: Sequence[Role] = transfer.CHOICES[:3],
    anonymous: bool = False,
) -> Packed:
    """Writes the package; replays of the runs are looked up, not made.

    Args:
        license_: an SPDX id.
        parts: what goes into the bundle, as of `export`.
        anonymous: without who made the runs and where, as of `export`.

    Raises:
        UsageError: the directory is there already, or a library is missing.
        as `export`.
    """
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already", next_step="choose another name with -o")
    run_ids = transfer.chosen(context, references)
    if not anonymous:
        return _write(context, run_ids, target, title, license_, parts)
    from reprobox.commands.shared import anonymous as anonymous_
    from reprobox.commands.shared import left_names

    replays = [run for run_id in run_ids for run in _replays_of(context, run_id)]
    known = [context.runs.record(run_id)[0] for run_id in (*run_ids, *replays)]
    names = {name for record in known for name in left_names.of(record, context.top)}
    with anonymous_.anonymous(context, [*run_ids, *replays], parts) as (inner, left):
        made = _write(inner, run_ids, target, title, license_, parts)
        in_package = left_names.below(target, sorted(names, key=len, reverse=True))
        own = [one for one in in_package if not one.place.startswith("runs/")]
        return replace(made, notes=(*made.notes, *(one.sentence for one in (*left, *own))))


def _write(
    context: Context,
    run_ids: Sequence[str],
    target: Path,
    title: str,
    license_: str,
    parts: Sequence[Role],
) -> Packed:
    records = [context.runs.record(run_id)[0] for run_id in run_ids]
    runs = tuple(_facts(context, record) for record in records)
    about = package.About(
        title=title or ", ".join(run.title for run in runs),
        authors=tuple(dict.fromkeys(_author(record) for record in records)),
        repository=next((one.intent.source.remote or "" for one in records), ""),
        license=license_,
        version=__version__,
    )
    steps = _smoke_steps(context, package.shortest(runs))
    texts = package.files(runs, about, smoke_steps=steps)
    files.make_dir(target)
    files.make_dir(target / "runs")
    for run_id in run_ids:
        place = target / "runs" / run_id
        attest.export_format(context, run_id, "crate", place, license_=license_)
    replays = [replay.run for run in runs for replay in run.replays]
    bundle = target / package.BUNDLE
    export.export(context, [*run_ids, *replays], str(bundle), parts, lambda _plan: None)
    for path, text in texts.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
    return Packed(
        path=str(target),
        runs=tuple(run_ids),
        files=(*texts, package.BUNDLE),
        notes=tuple(_missing(runs, about)),
    )


def _facts(context: Context, record: Record) -> Facts:
    outputs = tuple(file.path for file in context.runs.outputs(record.id) if file.kind == "file")
    claims = claim_check.of_run(context, record)
    return facts.of(record, outputs, claims, tuple(_replays(context, record)))


def _replays(context: Context, record: Record) -> Iterator[facts.Replayed]:
    """The replays of a run that are here, each with its newest verdict on the run."""
    for run_id in _replays_of(context, record.id):
        about = [one for one in context.runs.verdicts(run_id) if one.left == record.id]
        yield facts.replayed(about[-1], context.runs.record(run_id)[0])


def _replays_of(context: Context, run_id: str) -> list[str]:
    """Replays of a run that were judged against it, the oldest first."""
    return [
        row.id
        for row in reversed(list(context.runs.list()))
        if row.replay_of == run_id
        and any(one.left == run_id for one in context.runs.verdicts(row.id))
    ]


def _author(record: Record) -> str:
    """The name of who made the commit, without the address."""
    return record.intent.source.author.partition("<")[0].strip() or "unknown"


def _smoke_steps(context: Context, run: Facts) -> int | None:
    """How many steps a smoke run takes; None: the whole run is short, or has no trail."""
    short = run.seconds is not None and run.seconds <= SMOKE_SECONDS
    has_trail = any(context.runs.path(run.run).glob("trail*.jsonl"))
    return None if short or not has_trail else SMOKE_STEPS


def _missing(runs: Sequence[Facts], about: package.About) -> Iterator[str]:
    for run in runs:
        if not run.replays:
            yield f"run {run.run} has no replay, so codecheck.yml has no checker for it"
        if not run.claims:
            yield f"run {run.run} claims nothing; the setting `claims` names what it is to show"
    shortest = package.shortest(runs)
    if shortest.seconds is None or shortest.seconds > SMOKE_SECONDS:
        yield f"the shortest run took {shortest.time}; without a trail the smoke run is all of it"
    if not about.license:
        yield "no licence was given (--license SPDX-ID), and Zenodo asks for one"
