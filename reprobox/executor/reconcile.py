"""Runs that no process supervises any more: finished if their container has ended, left alone
while it lives, and not touched at all where another host or engine has them (`run_home`).

Idempotent, and repeated by every command: a request that was in flight when a supervisor died may
still be carried out by the engine afterwards, so a container can appear late (measured: 11 of 500
kills).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from reprobox.context import Context
from reprobox.errors import (
    EngineError,
    EngineUnavailable,
    NewerFormat,
    ReproboxError,
    RunBusy,
    RunNotFound,
)
from reprobox.executor import export_manifest, journal, run_home, secrets
from reprobox.executor.attach import LIVE
from reprobox.kit.text import in_a_line
from reprobox.model.outcome import ContainerState
from reprobox.model.record import Intent
from reprobox.model.source import Exported
from reprobox.store import attempts
from reprobox.store.rundir import RunDir

_POLL = 0.2
"""Seconds between two looks at a run that is followed."""


def container_state(context: Context) -> Callable[[str], ContainerState | None]:
    """How the store asks for the state of a run's container: by name."""
    # The engine is imported and asked where there is a run whose state is not known.
    return lambda container: context.engine.state(container)


def settle(context: Context) -> bool:
    """Finishes every run that can be. False when the engine did not answer, which leaves all as it
    is.
    """
    elsewhere = run_home.elsewhere(context)
    for run_id in _of_engines(context):
        try:
            if elsewhere(context.runs.intent(run_id)):
                continue
            with context.runs.hold(run_id) as run:
                _settle(context, run)
        except (RunBusy, RunNotFound):
            continue
        except (EngineUnavailable, EngineError):
            return False
        except KeyboardInterrupt:
            context.progress.note(
                f"run {run_id} is unfinished; the next reprobox command will complete it"
            )
            raise
        except (ReproboxError, OSError) as fault:
            # One run that cannot be finished (of a newer version, on a full disk) must not hide the
            # others.
            give_up = "" if isinstance(fault, NewerFormat) else f"reprobox rm {run_id} gives it up"
            _tell(context, run_id, "cannot be finished yet", fault, or_else=give_up)
    try:
        journal.clear(context, partial(_tidy, context))
        secrets.sweep(context.runs)
    except (EngineUnavailable, EngineError):
        return False
    except (ReproboxError, OSError) as fault:
        context.progress.note(f"what runs have left could not be cleared: {in_a_line(fault)}")
    return True


def _of_engines(context: Context) -> list[str]:
    """The unfinished runs that no scheduler has; those that one has are settled by what it says."""
    unfinished = context.runs.unfinished()
    mine = [one for one in unfinished if not attempts.is_scheduled(context.runs.folder / one)]
    if len(mine) < len(unfinished):
        from reprobox.executor import scheduled_runs

        scheduled_runs.settle(context)
    return mine


def _tell(
    context: Context, run_id: str, what: str, fault: ReproboxError | OSError, or_else: str = ""
) -> None:
    steps = [
        step
        for step in (fault.next_step if isinstance(fault, ReproboxError) else "", or_else)
        if step
    ]
    context.progress.note(
        f"run {run_id} {what}: {in_a_line(fault)}"
        + (f"; next: {'; or: '.join(steps)}" if steps else "")
    )


def _tidy(context: Context, run_id: str) -> bool:
    """Removes the container and the scratch of a run that has its record; whether they are gone."""
    try:
        intent = context.runs.intent(run_id)
        if run_home.elsewhere(context)(intent):
            return False
        from reprobox.executor import local

        with context.runs.hold(run_id) as run:
            local.tidy(context, run, intent)
    except (RunBusy, RunNotFound):
        return True
    except (EngineUnavailable, EngineError):
        raise
    except (ReproboxError, OSError) as fault:
        _tell(
            context,
            run_id,
            "has its record, and what it needed only while it ran cannot be removed",
            fault,
        )
        return False
    return True


def _settle(context: Context, run: RunDir) -> None:
    """Finishes one run that we hold the lock of; nothing is done while its container lives."""
    if context.runs.finished(run.id):
        return  # its supervisor was quicker
    from reprobox.executor import local

    intent = context.runs.intent(run.id)
    state = context.engine.state(intent.container)
    if state and state.status in LIVE:
        return
    # The start is noted before it is asked for. Where the note was taken back, a start that a dead
    # supervisor had asked for may have been late, and its container be anything by now.
    never = context.runs.started(run.id) is None or bool(state and state.status == "created")
    if never and not (run.path / "out" / "exit.json").exists():
        local.unmake(context, run, intent)
        journal.leave(context, intent)
        local.discard(context, run)
        return
    local.finish(context, run, intent, state, _exported(context, run, intent), interrupted=None)


def may_continue(context: Context, run_id: str, *, elsewhere: bool) -> bool:
    """Waits a little; whether more may come of a run.

    Its container may not exist yet, or be removed already because the record was written. The
    engine here does not know the runs of other engines (`elsewhere`), which end with their record.
    """
    if elsewhere:
        time.sleep(_POLL)
        return not context.runs.finished(run_id)
    try:
        return context.engine.wait(f"reprobox-{run_id}", _POLL).status in (*LIVE, "created")
    except EngineUnavailable:
        raise
    except EngineError:
        if context.runs.finished(run_id) or not context.runs.held(run_id):
            return False
        time.sleep(_POLL / 2)
        return True


def find(context: Context, reference: str) -> str:
    """The id that a reference means, after unsupervised runs were finished, so that
    `latest` may be one of them.
    """
    return find_all(context, (reference,))[0]


def find_all(context: Context, references: Sequence[str]) -> list[str]:
    """The ids that several references mean, all resolved before anything is done to any: `latest~1`
    is another run once one is gone.
    """
    settle(context)
    return [context.runs.find(reference) for reference in references]


def _exported(context: Context, run: RunDir, intent: Intent) -> tuple[Exported, ...]:
    from reprobox.executor import local

    noted = export_manifest.read(run.path)
    return local.exported_again(context, run, intent) if noted is None else noted
