"""Whether two trial runs may run at the same time on this machine, and how long they take, by
what is recorded of such runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.context import Context
from reprobox.kit.units import bytes_of, lasting
from reprobox.model.record import UNKNOWN, Record
from reprobox.model.runspec import RunSpec
from reprobox.runtime import host

_LOOKED_AT = 20
"""Newest runs that are read to find one of the same command."""
_MARGIN = 1.25
"""What a run may take above the peak that another one of its kind had."""


def fit(asked: Sequence[RunSpec], known: Sequence[Record | None]) -> bool:
    """Whether all of them fit at once: a CPU for each thread, and memory that is known to be
    enough.

    Runs with GPUs or a network take turns: they might disturb each other.

    Args:
        known: for each, a record of such a run; None where there is none, and then only a memory
            limit shows what it may take.
    """
    if any(spec.gpus or spec.network != "none" for spec in asked):
        return False
    needs = [_memory(spec, record) for spec, record in zip(asked, known, strict=True)]
    cpus, memory = host.room()
    return (
        cpus >= sum(spec.threads for spec in asked)
        and None not in needs
        and sum(need or 0 for need in needs) <= memory
    )


def _memory(spec: RunSpec, record: Record | None) -> int | None:
    """Bytes that such a run may take; None where nothing is known."""
    limit = bytes_of(spec.resources.memory) if spec.resources.memory else None
    peak = record.observed.peak_memory if record else None
    bounds = [
        bound
        for bound in (limit, int(peak * _MARGIN) if peak is not None else None)
        if bound is not None
    ]
    return min(bounds, default=None)


def like(context: Context, asked: RunSpec) -> Record | None:
    """The newest record of a run of this command, in this config file; None where none of the
    newest runs is one.
    """
    for row in context.runs.list(limit=_LOOKED_AT):
        if row.exit_code is not None and context.runs.finished(row.id):
            record, _ = context.runs.record(row.id)
            spec = record.intent.runspec
            if (spec.argv, spec.config_path, spec.threads) == (
                asked.argv,
                asked.config_path,
                asked.threads,
            ):
                return record
    return None


def duration(known: Sequence[Record | None], *, at_once: bool) -> str:
    """How long whole runs like these take, one after the other or at once; empty where it is not
    known.
    """
    seconds = [
        record.duration for record in known if record is not None and record.duration != UNKNOWN
    ]
    if len(seconds) < len(known):
        return ""
    return lasting(max(seconds) if at_once else sum(seconds))
