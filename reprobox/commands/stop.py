"""stop: ends a running run."""

from __future__ import annotations

from reprobox.context import Context
from reprobox.executor import executors, reconcile


def stop(context: Context, reference: str, *, kill: bool) -> None:
    """Ends a run, with the chance to end by itself unless `kill`. Raises as `Executor.cancel`."""
    run_id = reconcile.find(context, reference)
    executors.of_run(context, run_id).cancel(run_id, kill=kill)
