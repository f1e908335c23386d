"""Runs that a scheduler executes: their states, and the records of those whose worker wrote none.

The record is the truth; the scheduler is asked about runs without one. A run ends with a record in
any case: its worker's, or, where the worker died and the scheduler will not start it again, one
that is made here of what is left, and says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reprobox.context import Context
from reprobox.errors import (
    EngineError,
    EngineUnavailable,
    NewerFormat,
    ReproboxError,
    RunBusy,
    RunNotFound,
    SchedulerError,
    StoreDamaged,
    StoreError,
)
from reprobox.executor import export_manifest, run_home, schedulers
from reprobox.executor.scheduler import JobState, Scheduler
from reprobox.kit import canon
from reprobox.kit.text import in_a_line
from reprobox.model.outcome import ContainerState, Exit
from reprobox.model.record import UNKNOWN, Intent, OutputSummary, Record
from reprobox.model.scheduled import Scheduled, Try
from reprobox.source import refs
from reprobox.store import attempts, output_manifest
from reprobox.store.attempts import AttemptRuns
from reprobox.store.run_state import Elsewhere, RunState

NONE = "none"
"""The name of the try of a run that no worker began."""
_FORGOTTEN = JobState(name="over", word="", why="the scheduler does not know it any more")


class Schedulers:
    """The schedulers of one command: each is asked once for all jobs."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Scheduler, str, dict[str, JobState]] | SchedulerError] = {}

    def state(self, submitted: Scheduled) -> JobState:
        """What became of a job. Raises SchedulerError where it cannot be known here."""
        _, cluster, states = self._asked(submitted.executor)
        if submitted.cluster and cluster != submitted.cluster:
            raise SchedulerError(
                f"it was submitted to the cluster {submitted.cluster}, and this is {cluster}"
            )
        if found := states.get(submitted.job):
            return found
        # Slurm keeps tasks of an array that were cancelled before they started, some of them
        # together, as one job with the id of the array.
        array = states.get(submitted.job.partition("_")[0])
        return array if array is not None and array.name == "over" else _FORGOTTEN

    def of(self, submitted: Scheduled) -> Scheduler:
        """The scheduler that has a run."""
        return self._asked(submitted.executor)[0]

    def _asked(self, name: str) -> tuple[Scheduler, str, dict[str, JobState]]:
        if name not in self._known:
            try:
                one = schedulers.of(name)
                self._known[name] = (one, one.cluster(), dict(one.states()))
            except SchedulerError as fault:
                self._known[name] = fault
        found = self._known[name]
        if isinstance(found, SchedulerError):
            raise found
        return found


def elsewhere(context: Context) -> Elsewhere:
    """As `run_home.elsewhere`, and the state of a run that a scheduler has."""
    there, known = run_home.elsewhere(context), Schedulers()

    def answer(intent: Intent) -> str | RunState | None:
        run = context.runs.path(intent.id)
        submitted = attempts.scheduled(run)
        return there(intent) if submitted is None else _state(context, run, submitted, known)

    return answer


def state(context: Context, run_id: str, there: Elsewhere | None = None) -> RunState:
    """What became of a run that a scheduler has; `there` answers for several (`elsewhere`)."""
    return context.runs.state(run_id, lambda _: None, there or elsewhere(context))


def states(context: Context) -> Callable[[str], RunState]:
    """As `state`, for many runs: their scheduler is asked once, and their intents are not read."""
    known = Schedulers()
    there = elsewhere(context)

    def answer(run_id: str) -> RunState:
        run = context.runs.path(run_id)
        submitted = attempts.scheduled(run)
        if submitted is None or context.runs.finished(run_id) or context.runs.held(run_id):
            return state(context, run_id, there)
        return _state(context, run, submitted, known)

    return answer


def _state(context: Context, run: Path, submitted: Scheduled, known: Schedulers) -> RunState:
    try:
        job = known.state(submitted)
    except SchedulerError as fault:
        return RunState(name="unknown-here", why=f"by {submitted.executor}: {fault.what}")
    where = f"job {submitted.job}" + (f" on {job.node}" if job.node else "")
    why = f"{where}: {job.word.lower()}" + (f" ({job.why})" if job.why else "")
    if attempts.winner(run) or job.name == "over":
        # `settle` has written the record, or will.
        return RunState(name="running", why=f"{why}; its record is still to be written")
    going = job.name == "running" and any(not one.outcome for one in attempts.tries(run))
    return RunState(name="running" if going else "queued", why=why)


def settle(context: Context) -> dict[str, ReproboxError]:
    """Writes the records of runs that no worker will write any more; those of which none can be
    written, because what they left is damaged, each with the reason.
    """
    known, damaged = Schedulers(), dict[str, ReproboxError]()
    for run_id in context.runs.unfinished():
        try:
            if attempts.is_scheduled(context.runs.folder / run_id):
                settle_run(context, run_id, known)
        except (RunNotFound, RunBusy):
            continue
        except SchedulerError:
            continue  # what became of it cannot be known here, and `state` says why
        except (ReproboxError, OSError) as fault:
            if isinstance(fault, (StoreDamaged, NewerFormat)):
                damaged[run_id] = fault
            step = fault.next_step if isinstance(fault, ReproboxError) else ""
            context.progress.note(
                f"run {run_id} cannot be finished yet: {in_a_line(fault)}"
                + (f"; next: {step}" if step else "")
            )
    return damaged


def settle_run(context: Context, run_id: str, known: Schedulers | None = None) -> None:
    """Writes the record of a run that no worker will write any more.

    Raises:
        RunNotFound: it is gone, or was never submitted and is removed.
        SchedulerError: what became of its job cannot be known here.
        ReproboxError, OSError: it cannot be finished, for this reason.
    """
    run = context.runs.path(run_id)
    with attempts.given_up(run):
        submitted = attempts.scheduled(run)
        if submitted is not None and not context.runs.held(run_id):
            _settle(context, run, submitted, known or Schedulers())


def _settle(context: Context, run: Path, submitted: Scheduled, known: Schedulers) -> None:
    if first := attempts.winner(run):
        attempts.publish(context.runs.root, run.name, first)
        return
    if not submitted.job and not _find_job(context, run, submitted, known):
        return
    job = known.state(attempts.scheduled(run) or submitted)
    if job.name == "over" and not context.runs.finished(run.name):
        conclude(context, run, job)


def _find_job(context: Context, run: Path, submitted: Scheduled, known: Schedulers) -> bool:
    """Notes the job of a run whose submitter died before it could. Where the scheduler never got
    it, nothing has run, and the run is forgotten.
    """
    scheduler = known.of(submitted)
    if batch := scheduler.named(submitted.name):
        job = scheduler.job_of(batch, submitted.task, submitted.tasks)
        attempts.note_job(run, replace(submitted, job=job))
        return True
    if every := attempts.tries(run):
        attempts.note_job(run, replace(submitted, job=every[-1].job))
        return True
    forget(context, run.name)
    context.progress.note(f"run {run.name} was never submitted, so it is removed")
    return False


def forget(context: Context, run_id: str) -> None:
    """Removes a run that no scheduler got."""
    from reprobox.executor import commits

    commit = context.runs.intent(run_id).source.commit
    context.runs.remove(run_id)
    refs.forget(commits.holder(context, commit), run_id)


def conclude(context: Context, run: Path, job: JobState) -> None:
    """The record of a run whose job is over: of its last try that left something, else of nothing.

    A worker that is alive all the same, on a node that was cut off, is waited for where its lock is
    seen; else it publishes too, and is then the second one.
    """
    every = attempts.tries(run)
    if any(_alive(run, one) for one in every):
        return
    for one in reversed(every):
        if one.name != NONE and _collected(context, run, one):
            attempts.publish(
                context.runs.root, run.name, one.name, lambda record: _because(record, job)
            )
            sweep(context)  # its container, where its node has this engine
            return
    why = every[-1].why if every and every[-1].outcome == "failed" else ""
    ended = _because_of_nothing(job, why)
    if not every and job.reason == "lost" and stopped(run):
        ended = STOPPED_BEFORE
    nothing(context, run, context.runs.intent(run.name), ended, tried=None)


def _alive(run: Path, one: Try) -> bool:
    """Whether the worker of a try holds its lock."""
    store = attempts.runs_of(run, one.name)
    return store.has(run.name) and store.held(run.name)


def _collected(context: Context, run: Path, one: Try) -> bool:
    """Whether a try has a record, which is made now where its worker died before it could."""
    if attempts.record(run, one.name) is not None:
        return True
    store = attempts.runs_of(run, one.name)
    if not store.has(run.name) or store.started(run.name) is None:
        return False
    from reprobox.executor import local

    inner = inside(context, store)
    inner.__dict__["engine"] = _Absent()
    intent = store.intent(run.name)
    with store.hold(run.name) as held:
        exported = export_manifest.read(held.path)
        if exported is None:
            exported = local.exported_again(inner, held, intent)
        local.finish(inner, held, intent, None, exported, interrupted=None)
    return True


def inside(context: Context, store: AttemptRuns) -> Context:
    """A context in which the try is the only run; everything else is the project's."""
    made = replace(context)
    made.__dict__.update(
        runs=store, all_objects=context.all_objects, objects=context.objects, home=context.home
    )
    return made


class _Absent:
    """Stands for the engine of another node: its container ended with the job, or with the node."""

    def remove(self, container_id: str) -> None:
        """The next worker on that node removes it; see `sweep`."""


def _because(record: Record, job: JobState) -> Record:
    """Says why the job is over, where the program did not end by itself."""
    if not record.exit.by_the_moment:
        return record
    reason = job.reason if job.reason != "lost" else record.exit.reason
    message = f"{said(job)} {record.exit.message}".strip()
    return replace(record, exit=replace(record.exit, reason=reason, message=message))


def said(job: JobState) -> str:
    """Why a job is over, as a sentence."""
    if not job.word:
        return "The scheduler does not know its job any more."
    node = f" on {job.node}" if job.node and not job.node.startswith("(") else ""
    why = f", {job.why}" if job.why and job.why != job.word else ""
    return f"The scheduler ended its job{node}: {job.word}{why}."


STOPPED_BEFORE = Exit(code=130, reason="interrupted", message="It was stopped before it started.")
"""Of a run that `stop` ended while its job waited."""


def stopped(run: Path) -> bool:
    """Whether `stop` was asked to end a run."""
    from reprobox.executor import local

    return (run / local.STOPPED).exists()


def _because_of_nothing(job: JobState, why: str) -> Exit:
    reason = "engine" if why else job.reason
    code = {"interrupted": 130, "timeout": 124, "oom": 137}.get(reason, 125)
    return Exit(code=code, reason=reason, message=why or f"{said(job)} It had not started.")


def nothing(context: Context, run: Path, intent: Intent, ended: Exit, *, tried: Try | None) -> None:
    """Publishes the record of a run of which no program was started."""
    now = context.clock()
    what = tried or Try(name=NONE, node="", began=now, ended=now, outcome="failed")
    try:
        store = attempts.runs_of(run, what.name) if tried else attempts.begin(run, what)
    except FileExistsError:
        store = attempts.runs_of(run, what.name)
    if not store.has(intent.id):
        store.begin(intent, {"config.yaml": (run / "config.yaml").read_bytes()}).release()
    empty, manifest = canon.digest_bytes(b""), output_manifest.outputs_manifest(())
    record = Record(
        intent=intent,
        exit=ended,
        started=intent.created,
        finished=now,
        duration=UNKNOWN,
        outputs=OutputSummary(manifest=canon.digest_bytes(manifest), files=0, size=0),
        stdout=empty,
        stderr=empty,
    )
    with store.hold(intent.id) as held:
        if not store.finished(intent.id):
            held.outputs.mkdir(exist_ok=True)
            held.finish(record, manifest)
    attempts.publish(context.runs.root, run.name, what.name)


def sweep(context: Context) -> None:
    """Removes containers on this engine whose worker died: they have ended, or never started."""
    from reprobox.executor.attach import LIVE
    from reprobox.executor.container_spec import LABEL_PROJECT, LABEL_STORE

    with contextlib.suppress(EngineError, EngineUnavailable):
        for there in context.engine.find({LABEL_PROJECT: str(context.runs.root)}):
            if there.status not in LIVE and not _held(there, LABEL_STORE):
                context.engine.remove(there.id)


def _held(there: ContainerState, label: str) -> bool:
    """Whether the worker of a container is alive."""
    root = Path(there.labels.get(label, ""))
    with contextlib.suppress(RunNotFound, StoreError):
        return any(AttemptRuns(root).held(run.name) for run in (root / "runs").glob("*"))
    return False


def of_executor(context: Context, run_id: str) -> Scheduled | None:
    """What was submitted; None for a run of this host."""
    return attempts.scheduled(context.runs.path(run_id))
