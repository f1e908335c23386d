"""rm: removes runs and the refs that keep their commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reprobox.context import Context
from reprobox.errors import RunBusy
from reprobox.executor import journal, local, reconcile, secrets


def remove(context: Context, references: Sequence[str]) -> Iterator[str]:
    """Forgets runs and the refs that keep their commits; each id, as soon as the run is gone.

    Raises:
        RunNotFound, RunAmbiguous: for a reference; nothing is removed.
        RunBusy: one of them is going; nothing is removed.
    """
    wanted = list(dict.fromkeys(reconcile.find_all(context, references)))
    for run_id in wanted:
        _refuse_going(context, run_id)
    for run_id in wanted:
        journal.begin(context, run_id)
        if not context.runs.finished(run_id):
            _give_up(context, run_id)
        context.runs.remove(run_id)
        journal.end(context, run_id)
        yield run_id


def _refuse_going(context: Context, run_id: str) -> None:
    """What has ended and could not be collected may go; what still may do something may not."""
    if not context.runs.finished(run_id):
        state = context.runs.state(run_id, reconcile.container_state(context))
        if state.supervised or (state.container and state.container.status in reconcile.LIVE):
            raise RunBusy(
                f"run {run_id} is {state.name}", next_step=f"reprobox stop {run_id}, then remove it"
            )


def _give_up(context: Context, run_id: str) -> None:
    with context.runs.hold(run_id) as run:
        local.unmake(context, run, context.runs.intent(run_id))
        secrets.forget(run.path)
