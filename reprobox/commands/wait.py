"""wait: returns when runs have ended, and says how."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from reprobox.context import Context
from reprobox.errors import RunBusy
from reprobox.executor import reconcile, run_home
from reprobox.model.record import Record

_COLLECTING = 0.1
"""Seconds between two looks at a run whose supervisor is writing the record."""


def wait(context: Context, references: Sequence[str]) -> Iterator[Record]:
    """The records of runs, each as soon as it is written. A run that had no supervisor is recorded
    here; one of another host or engine is waited for until its record appears in the store.

    Raises:
        RunNotFound, RunAmbiguous: for a reference, before any run is waited for.
        RunBusy: a run has ended and cannot be recorded; what is in the way was shown.
    """
    for run_id in reconcile.find_all(context, references):
        yield _until_recorded(context, run_id)


def _until_recorded(context: Context, run_id: str) -> Record:
    elsewhere = run_home.elsewhere(context)
    while not context.runs.finished(run_id):
        there = elsewhere(context.runs.intent(run_id)) is not None
        if reconcile.may_continue(context, run_id, elsewhere=there):
            continue
        reconcile.settle(context)
        if context.runs.finished(run_id):
            break
        if not context.runs.held(run_id):
            raise RunBusy(
                f"run {run_id} has ended and could not be recorded",
                next_step=f"reprobox show {run_id}",
            )
        time.sleep(_COLLECTING)
    return context.runs.record(run_id)[0]
