"""wait: returns when runs have ended, and says how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reprobox.context import Context
from reprobox.executor import executors, reconcile
from reprobox.model.record import Record


def wait(context: Context, references: Sequence[str]) -> Iterator[Record]:
    """The records of runs, each as soon as it is written. A run that had no supervisor is recorded
    here; one of another host or engine is waited for until its record appears in the store.

    Raises:
        RunNotFound, RunAmbiguous: for a reference, before any run is waited for.
        RunBusy: a run has ended and cannot be recorded; what is in the way was shown.
    """
    for run_id in reconcile.find_all(context, references):
        yield executors.of_run(context, run_id).collect(run_id)
