"""stop: ends a running run."""

from __future__ import annotations

from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.executor import local, reconcile, run_home
from reprobox.executor.attach import GRACE


def stop(context: Context, reference: str, *, kill: bool) -> None:
    """Ends a run's container. Its supervisor writes the record; without one, this command does."""
    reconcile.settle(context)
    run_id = context.runs.find(reference)
    run_home.require_here(context, run_id)
    state = context.runs.state(run_id, reconcile.container_state(context))
    if state.over or state.container is None:
        raise UsageError(
            f"run {run_id} is not running ({state.name})", next_step=f"reprobox show {run_id}"
        )
    (context.runs.path(run_id) / local.STOPPED).touch()
    if kill:
        context.engine.kill(state.container.id)
    else:
        context.engine.stop(state.container.id, GRACE)
    reconcile.settle(context)
