"""worker: executes submitted runs, as a job of a scheduler does. Everything is taken by content
from the store: the intent by its digest, and what that names (commit, image, config, inputs) by
theirs.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reprobox.commands.shared import recorded_parts, refusals, run_secrets
from reprobox.context import Context
from reprobox.errors import (
    EngineUnavailable,
    GpuUnavailable,
    ReproboxError,
    StoreDamaged,
    UsageError,
)
from reprobox.executor import commits, local, run_home, scheduled_runs, schedulers
from reprobox.executor.attach import Watcher
from reprobox.executor.base import Attempt, Job
from reprobox.executor.lifeline import Lifeline
from reprobox.executor.scheduler import Here, Scheduler
from reprobox.executor.trial_runs import Quiet
from reprobox.kit import canon, files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.meanwhile import meanwhile
from reprobox.kit.text import in_a_line
from reprobox.model import codec
from reprobox.model.outcome import Exit
from reprobox.model.record import Intent, Record
from reprobox.model.scheduled import Scheduled, Try
from reprobox.store import attempts, run_documents

REQUEUES = 2
"""How often a job is started again because its node has no engine that answers."""
RETRY, ENDED = 75, 143
"""Exit codes: temporary failure (sysexits.h, EX_TEMPFAIL), and ended by TERM."""
_LOOK = 1.0
"""Seconds between two looks whether a run of a job with several was stopped."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A run to execute, and the digest of the intent that was submitted."""

    run: str
    intent: str


class Ended(Exception):
    """The job is being ended, so its other runs are not begun."""


def tasks_of(path: Path, number: int) -> list[Task]:
    """What a task of a batch executes.

    Raises:
        UsageError: the file is not there, or is none of a batch.
    """
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return [
            Task(run=str(line["run"]), intent=str(line["intent"]))
            for line in lines
            if line["task"] == number
        ]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise UsageError(f"{path} is not the list of a batch", why=str(fault)) from fault


def work(context: Context, tasks: Sequence[Task]) -> int:
    """Executes runs one after the other; the exit code of the first that did not end with 0."""
    run_home.ask_ahead(context)
    # The containers are those of dead workers, so no run needs to wait for their removal.
    with meanwhile(lambda: scheduled_runs.sweep(context)):
        return _all(_Worker(context), tasks)


def _all(worker: _Worker, tasks: Sequence[Task]) -> int:
    code = 0
    for task in tasks:
        try:
            code = worker.run(task) or code
        except Ended:
            return ENDED
        except EngineUnavailable:
            if worker.again():
                return RETRY
            raise
    return code


class _Worker:
    def __init__(self, context: Context) -> None:
        self._context = context
        found = schedulers.here()
        self._scheduler: Scheduler | None = found[1] if found else None
        self._kind = found[0] if found else ""
        self._here = self._scheduler.here() if self._scheduler else None

    def again(self) -> bool:
        """Has the job started again, where that may help; whether it will be."""
        here = self._here
        if here is None or self._scheduler is None or here.restarts >= REQUEUES:
            return False
        return self._scheduler.requeue(here.job)

    def run(self, task: Task) -> int:
        """One run; its exit code."""
        context, runs = self._context, self._context.runs
        run = runs.path(task.run)
        if runs.finished(task.run) or attempts.winner(run):
            scheduled_runs.settle(context)
            context.progress.note(f"run {task.run} is recorded already")
            return runs.record(task.run)[0].exit.status
        submitted, intent = _submitted(run, task)
        tried = Try(
            name=self._name(run),
            node=self._here.node if self._here else socket.gethostname(),
            job=self._here.job if self._here else "",
            began=context.clock(),
        )
        store = attempts.begin(run, tried)
        if scheduled_runs.stopped(run):
            return self._nothing(run, intent, tried, scheduled_runs.STOPPED_BEFORE)
        inner = scheduled_runs.inside(context, store)
        code = context.runs.root / commits.CODE
        if code.is_dir():
            (store.root / commits.CODE).symlink_to(code)
        try:
            return self._executed(inner, run, submitted, intent, tried)
        except EngineUnavailable as fault:
            attempts.ended(run, tried, "failed", now=context.clock(), why=in_a_line(fault))
            if self._here is not None and self._here.restarts < REQUEUES:
                raise
            return self._failed(run, intent, tried, fault)
        except ReproboxError as fault:
            return self._failed(run, intent, tried, fault)

    def _name(self, run: Path) -> str:
        """A name that no try of the run has."""
        name = self._here.attempt if self._here else f"{socket.gethostname()}-{os.getpid()}"
        taken = attempts.names(run)
        return next(
            one for one in (name, *(f"{name}-{n}" for n in range(2, 1000))) if one not in taken
        )

    def _failed(self, run: Path, intent: Intent, tried: Try, fault: ReproboxError) -> int:
        context = self._context
        context.progress.note(f"run {run.name} could not be started: {fault}")
        attempts.ended(run, tried, "failed", now=context.clock(), why=in_a_line(fault))
        why = f"It could not be started on {tried.node}: {in_a_line(fault)}"
        return self._nothing(run, intent, tried, Exit(code=125, reason="engine", message=why))

    def _nothing(self, run: Path, intent: Intent, tried: Try, ended: Exit) -> int:
        own = replace(intent, host=self._host(), engine={})
        scheduled_runs.nothing(self._context, run, own, ended, tried=tried)
        return ended.status

    def _host(self) -> dict[str, object]:
        here = self._here
        facts = run_home.host_facts()
        if here is None:
            return dict(facts)
        given = {"cpus": here.cpus, "memory": here.memory, "gpus": here.gpus and list(here.gpus)}
        return {
            **facts,
            "scheduler": {
                "name": self._kind,
                "job": here.job,
                "node": here.node,
                **{name: value for name, value in given.items() if value is not None},
            },
        }

    def _unheld(self, own: dict[str, object]) -> dict[str, object]:
        """Adds which limits of the job the engine does not hold for the container. Those of an
        engine without a daemon the job's own control group holds.
        """
        here, held = self._here, self._context.engine.info()["limits"]
        given = {"cpus": here and here.cpus, "memory": here and here.memory}
        left = [name for name, value in given.items() if value is not None and not held.get(name)]
        if not left or not isinstance(own.get("scheduler"), dict):
            return own
        self._context.progress.note(
            f"this engine does not hold the job's {' and '.join(left)} for the container"
        )
        return {**own, "not_held": left}

    def _executed(
        self, inner: Context, run: Path, submitted: Scheduled, intent: Intent, tried: Try
    ) -> int:
        context, lifeline = self._context, Lifeline()
        context.engine.caller()
        host = self._unheld(self._host())
        own = replace(intent, host=host, engine=run_home.engine_facts(context))
        watcher = Watcher(Quiet(), context.progress.note, submitted.grace)
        try:
            job = self._job(intent, tried, lifeline)
            with _stopped_with(run, submitted):
                record = local.attempt(inner, own, job, watcher)
        finally:
            lifeline.cut()
        return self._publish(run, tried, record, interrupted=watcher.interrupted == "user")

    def _job(self, intent: Intent, tried: Try, lifeline: Lifeline) -> Job:
        context, asked, here = self._context, intent.runspec, self._here
        gpus = _devices(asked.gpus, here)
        refusals.refuse_impossible(context, asked.profile, gpus or asked.gpus, intent.lock)
        inputs = recorded_parts.inputs_again(context, asked.inputs, here=True)
        held = self._context.engine.info()["limits"]
        with _one_at_a_time(asked.image):
            image, tier = recorded_parts.restore_image(context, intent)
        if tier != "local":
            context.progress.note(f"the image was not on this node: {tier}")
        return Job(
            config=recorded_parts.config_again(context, asked.config_digest),
            inputs=inputs,
            image=image,
            secrets=run_secrets.again(context, intent, trusted=True),
            gpus=gpus,
            attempt=Attempt(
                name=tried.name,
                project=str(context.runs.root),
                lifeline=lifeline,
                cpus=here.cpus if here and held.get("cpus") else None,
                memory=here.memory if here and held.get("memory") else None,
            ),
        )

    def _publish(self, run: Path, tried: Try, record: Record, *, interrupted: bool) -> int:
        context, root = self._context, self._context.runs.root
        if interrupted and record.exit.by_the_moment and not scheduled_runs.stopped(run):
            # The scheduler may start it again. The command that sees that it does not publishes
            # this.
            why = "the job was sent SIGTERM"
            attempts.ended(run, tried, "interrupted", now=context.clock(), why=why)
            raise Ended
        first = attempts.publish(root, run.name, tried.name)
        if first == tried.name:
            attempts.ended(run, tried, "published", now=context.clock())
        else:
            self._second(run, tried, first, record)
        return record.exit.status

    def _second(self, run: Path, tried: Try, first: str, record: Record) -> None:
        """Another try was first, so this one is a replay for nothing: were its outputs the same?"""
        context = self._context
        published, _ = context.runs.record(run.name)
        same = (record.outputs.manifest, record.exit.code, record.stdout) == (
            published.outputs.manifest,
            published.exit.code,
            published.stdout,
        )
        why = f"attempt {first} was first"
        outcome = "same" if same else "different"
        attempts.ended(run, tried, outcome, now=context.clock(), why=why)
        context.progress.note(f"run {run.name}: {why}; what this one made is {outcome}")


def _submitted(run: Path, task: Task) -> tuple[Scheduled, Intent]:
    """What was submitted, by its digest."""
    data = run_documents.read(run, run_documents.INTENT)
    found = canon.digest_bytes(data)
    submitted = attempts.scheduled(run)
    if submitted is None:
        raise UsageError(f"run {run.name} was not given to a scheduler", next_step="reprobox show")
    if found != task.intent:
        raise StoreDamaged(
            f"digest mismatch for the intent of {run.name}: expected {task.intent}, found {found}",
            next_step="reprobox fsck",
        )
    return submitted, codec.decode(Intent, data, where=f"the intent of {run.name}")


def _devices(asked: str | None, here: Here | None) -> str | None:
    """The job's own devices for those that were asked for; None outside of a job, or where none
    were asked for.

    Raises:
        GpuUnavailable: the job was given none, or another number.
    """
    if not asked or here is None:
        return None
    from reprobox.executor.slurm import count_of

    given, wanted = here.gpus or (), count_of(asked)
    if len(given) < wanted:
        raise GpuUnavailable(
            f"the run asks for {wanted} GPUs, and its job was given {len(given)}",
            why="Only the job's own devices are used: others may be another job's.",
            next_step="ask for them after --, as in -- --gres=gpu:1",
        )
    if "=" in asked and "/" in asked:
        kind = asked.partition("=")[0]
        return ",".join(f"{kind}={one}" for one in given[:wanted])
    return f"device={','.join(given[:wanted])}"


@contextlib.contextmanager
def _one_at_a_time(image: str) -> Iterator[None]:
    """One worker of a node brings an image; the others find it."""
    from tempfile import gettempdir

    folder = Path(gettempdir()) / f"reprobox-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with files.locked(folder / f"image-{image.removeprefix('sha256:')[:16]}.lock"):
            yield
    except PermissionError:
        yield  # another user's directory of that name; then two may bring it, with the same result


@contextlib.contextmanager
def _stopped_with(run: Path, submitted: Scheduled) -> Iterator[None]:
    """Ends the run where it is stopped and its job continues, because that has other runs."""
    if submitted.alone:
        yield
        return
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK):
            if (run / local.STOPPED).exists():
                os.kill(os.getpid(), 15)
                return

    threading.Thread(target=look, daemon=True).start()
    try:
        yield
    finally:
        over.set()
