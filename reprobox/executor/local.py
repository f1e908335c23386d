"""One execution, from an intent to a record: lay out, create, start, watch, collect, publish.

The order is the one that survives a death at any point: the intent is durable before the container
exists, the container ID before it starts, and the container goes last, after the record. A command
that finds a run half-way (`reconcile`) finishes it with the same functions.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from reprobox.context import Context
from reprobox.engine import container_state as state_
from reprobox.engine import passwd
from reprobox.engine.caller import Caller
from reprobox.errors import EngineError, EngineUnavailable, ReproboxError, StoreError
from reprobox.executor import (
    container_spec,
    export_manifest,
    journal,
    missing_file,
    missing_library,
    outside,
    run_inputs,
    shim_report,
    work_tree,
)
from reprobox.executor import secrets as secrets_
from reprobox.executor.attach import Watcher
from reprobox.executor.base import Job
from reprobox.executor.commits import holder
from reprobox.kit import canon
from reprobox.kit.meanwhile import importing, meanwhile
from reprobox.kit.text import in_a_line
from reprobox.model.outcome import TIME_LIMIT, ContainerState, Exit, Reason
from reprobox.model.ports import Bar
from reprobox.model.record import UNKNOWN, Intent, OutputSummary, Record
from reprobox.model.runspec import WORK, InputPin
from reprobox.model.source import Exported
from reprobox.runtime import runtime_pack
from reprobox.source import answer, refs
from reprobox.source.export_tree import export
from reprobox.store import collect, layout, output_manifest
from reprobox.store.rundir import RunDir

STOPPED = "stopped"
"""A file in the run's directory: `reprobox stop` was here."""
BALLAST = "ballast"
"""A file in the run's directory that holds the place of its record, for the run that fills the
disk.
"""
_BALLAST, _FULL, _LAST_WORDS = 1 << 20, 1 << 16, 1 << 16
"""Bytes."""
_KILLED, _SHIM_FAILED = 137, 125
"""Exit codes of a container: its first process was killed; the shim failed
(runtime/payload/shim.py).
"""


def execute(context: Context, intent: Intent, job: Job, watcher: Watcher) -> Record:
    """Runs the intent's container to its end and publishes its record.

    Raises:
        EngineError, GpuUnavailable: the container could not be started; nothing is left of the run.
        SourceError, StoreError: as the rooms say.
    """
    run, container_id, exported = launch(context, intent, job)
    return _watched(context, intent, run, container_id, exported, watcher)


def attempt(context: Context, intent: Intent, job: Job, watcher: Watcher) -> Record:
    """As `execute`, for a run that is noted and whose commit is kept already: the store of the
    context is that of the attempt alone.
    """
    run, container_id, exported = _launch(context, intent, job)
    return _watched(context, intent, run, container_id, exported, watcher)


def _watched(
    context: Context,
    intent: Intent,
    run: RunDir,
    container_id: str,
    exported: tuple[Exported, ...],
    watcher: Watcher,
) -> Record:
    with run:
        try:
            state = watcher.watch(
                context.engine, container_id, run.path / "out", intent.runspec.resources.timeout
            )
        except EngineError as fault:
            raise EngineError(
                f"run {intent.id}: {fault.what}",
                why=fault.why,
                next_step=fault.next_step or f"reprobox show {intent.id}",
            ) from fault
        return finish(context, run, intent, state, exported, interrupted=watcher.interrupted)


def detach(context: Context, intent: Intent, job: Job) -> None:
    """Starts the intent's container and leaves it alone; the first command after its end writes the
    record. Raises as `execute`.
    """
    run, _, _ = launch(context, intent, job)
    run.release()
    journal.release(context, intent.id)


def launch(context: Context, intent: Intent, job: Job) -> tuple[RunDir, str, tuple[Exported, ...]]:
    """Everything up to the start: the held run, its container, and what was laid out for it."""
    journal.begin(context, intent.id, intent)
    try:
        refs.keep(holder(context, intent.source.commit), intent.id, intent.source.commit)
        return _launch(context, intent, job)
    except BaseException:
        journal.end(context, intent.id)
        raise


def _launch(context: Context, intent: Intent, job: Job) -> tuple[RunDir, str, tuple[Exported, ...]]:
    caller = context.engine.caller()  # before there is a run: it may be refused
    run = context.runs.begin(intent, {"config.yaml": job.config})
    try:
        exported, inputs = lay_out(context, run, intent, job, caller)
        container = container_spec.container(
            container_spec.on_this_host(intent.runspec, job.gpus, job.attempt),
            name=f"{intent.container}.{job.attempt.name}" if job.attempt else intent.container,
            store=str(context.runs.root),
            image=job.image,
            python=intent.lock.python.executable,
            run_dir=run.path,
            inputs=inputs,
            caller=caller,
            secrets=secrets_.folder(run.path) if job.secrets else None,
            attempt=job.attempt,
            cpuset=job.cpuset,
        )
        container_id = context.engine.create(container)
        run.started(container_id)
        with meanwhile(lambda: _expect_the_end(context)):
            context.engine.start(container_id)
    except BaseException:
        # Nothing has run: what never started is not a run (DESIGN rule 7 is about experiments, not
        # about us).
        _undo(context, run, intent)
        raise
    return run, container_id, exported


def _expect_the_end(context: Context) -> None:
    """Does what the end of a run would have to wait for, while the engine starts its container."""
    importing((*context.soon, "ctypes"))()
    shim_report.expect()


def _undo(context: Context, run: RunDir, intent: Intent) -> None:
    """Forgets a run that could not be started; where the engine does not even answer to that, the
    next command does it.
    """
    try:
        unmake(context, run, intent)
    except (EngineUnavailable, EngineError):
        run.release()
        return
    discard(context, run)


@layout.trouble("laying out a run")
def lay_out(
    context: Context, run: RunDir, intent: Intent, job: Job, caller: Caller
) -> tuple[tuple[Exported, ...], dict[str, str]]:
    """Makes the run's directories: the commit, the runtime, the caller's passwd entry, and room for
    what comes. What was exported, and what is mounted for each input.
    """
    for name in ("work", "out", "etc"):
        (run.path / name).mkdir()
    repo, commit = holder(context, intent.source.commit), intent.source.commit
    plain = export(repo, commit, run.path / "work")
    exported = _with_config(plain, run.path / "work", intent.runspec.config_path, job.config)
    if job.left_by:
        work_tree.lay_over(context.runs, job.left_by, run.path / "work")
    _mount_points(run.path / "work", intent.runspec.inputs)
    if intent.runspec.repository:
        answer.make(
            repo,
            commit,
            plain,
            run.path / container_spec.REPOSITORY,
            changed="" if exported is plain else intent.runspec.config_path,
        )
        (run.path / "work" / ".git").mkdir()
    export_manifest.write(run.path, exported)
    runtime_pack.materialise(intent.runspec.runtime, context.all_objects, run.path / "box")
    _take_place(run.path / BALLAST)
    (run.path / "etc" / "passwd").write_text(passwd.passwd(caller.uid, caller.gid))
    (run.path / "etc" / "group").write_text(passwd.group(caller.gid))
    outside.ask(run.path / "out", intent.runspec.outputs)
    if job.attempt:
        job.attempt.lifeline.tie(run.path / "out")
    if intent.runspec.resources.timeout:
        (run.path / "out" / "timeout").write_text(
            f"{intent.runspec.resources.timeout}\n"
        )  # the shim holds the program to it
    if job.secrets:
        secrets_.place(run.path, job.secrets)
    workdir = work_tree.inside(run.path / "work", intent.runspec.workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    return exported, run_inputs.lay_out(context, run.path, job.inputs, exported)


def _take_place(path: Path) -> None:
    """Keeps some of the disk for the record; written by the file system itself where it can."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, _BALLAST)
    finally:
        os.close(fd)


def exported_again(context: Context, run: RunDir, intent: Intent) -> tuple[Exported, ...]:
    """What was laid out for a run whose note of it is lost: the commit once more, into a directory
    that goes again.

    Raises:
        SourceError: the commit is not here, or is damaged.
    """
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(dir=run.path, prefix="again-") as scratch:
        work = Path(scratch) / "work"
        exported = export(holder(context, intent.source.commit), intent.source.commit, work)
        return _with_config(
            exported, work, intent.runspec.config_path, (run.path / "config.yaml").read_bytes()
        )


def _with_config(
    exported: tuple[Exported, ...], work: Path, path: str, data: bytes
) -> tuple[Exported, ...]:
    """Puts the resolved config where the commit has its own; the manifest as if it had been so,
    since it is not an output.
    """
    if any(item.path == path and item.sha256 == canon.digest_bytes(data) for item in exported):
        return exported
    work_tree.inside(work, path).write_bytes(data)
    ours = Exported(
        path=path, kind="file", mode=0o644, size=len(data), sha256=canon.digest_bytes(data)
    )
    return (*(item for item in exported if item.path != path), ours)


def _mount_points(work: Path, pins: Iterable[InputPin]) -> None:
    """Creates the places that inputs are mounted on: the engine would make them as root."""
    for pin in pins:
        if not pin.path.startswith(f"{WORK}/"):
            continue
        inner = PurePosixPath(pin.path.removeprefix(f"{WORK}/"))
        place = work_tree.inside(work, str(inner.parent)) / inner.name
        if not pin.tracked and place.is_symlink():
            place.unlink()  # an input that the commit has a link to: what is behind it is mounted
        if os.path.lexists(place):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if pin.kind == "tree":
            place.mkdir()
        else:
            place.touch()


@layout.trouble("collecting a run")
def finish(
    context: Context,
    run: RunDir,
    intent: Intent,
    state: ContainerState | None,
    exported: tuple[Exported, ...],
    *,
    interrupted: str | None,
) -> Record:
    """Collects what the run left and publishes the record; the container and the scratch go last.

    Where a command dies in here, the next one calls it again: what was moved already is found where
    it was moved to.
    """
    out = run.path / "out"
    changed = run_inputs.look(context, run)
    outside.bring(out, run.path / "work")
    left = outside.left(out)
    report = shim_report.report(out) or shim_report.report(run.path)
    met = shim_report.inside(run.path if (run.path / "met.json").exists() else out, markers=out)
    full = _disk_is_full(run.path)
    (run.path / BALLAST).unlink(missing_ok=True)
    mounted = {
        pin.path.removeprefix(f"{WORK}/")
        for pin in intent.runspec.inputs
        if pin.path.startswith(f"{WORK}/")
    }
    mounted |= {".git"} if intent.runspec.repository else set()
    laid = {i.path: (i.kind, i.mode, i.sha256) for i in exported}
    with context.progress.task(f"collecting run {run.id}") as bar:
        found = collect.collect(run.path / "work", laid, mounted, run.outputs, bar)
        streams = _keep(run, report is not None, "met.json" not in met.get("refused", ()), bar)
    lines = output_manifest.outputs_manifest(found.outputs)
    ended = exit_of(
        report, state, interrupted or ("user" if (run.path / STOPPED).exists() else None)
    )
    ended = _with_gpu_failure(ended, intent, run.path / "stderr")
    times = _times(context, intent, report, state)
    record = Record(
        intent=intent,
        exit=replace(ended, message=f"{ended.message} The disk was full.".strip())
        if full
        else ended,
        started=times[0],
        finished=times[1],
        duration=times[2],
        outputs=OutputSummary(
            manifest=canon.digest_bytes(lines),
            files=len(found.outputs),
            size=sum(file.size for file in found.outputs),
            refused=found.refused,
        ),
        stdout=streams[0],
        stderr=streams[1],
        met={
            **met,
            "peak_memory": report.peak_memory if report else None,
            "oom_kills": report.oom_kills if report else None,
            "deleted": list(found.deleted),
            **({"inputs_changed": changed} if changed else {}),
            **({"outside": left} if left else {}),
        },
    )
    run.finish(record, lines)
    outside.report(context.progress, left)
    if record.exit.code and (said := _advice(context, run, intent)):
        context.progress.note(said)
    try:
        tidy(context, run, intent)
    except (StoreError, OSError) as fault:
        # The record is there, so the run is whole. The note of it stays, and the next command tries
        # again.
        context.progress.note(
            f"run {run.id} is recorded; what it needed only while it ran could not be removed: "
            f"{in_a_line(fault)}"
        )
        journal.release(context, run.id)
    else:
        journal.end(context, run.id)
    return record


def _advice(context: Context, run: RunDir, intent: Intent) -> str:
    """What a program's last words ask for."""
    stderr = run.path / "stderr"
    if said := missing_library.advice(stderr):
        return said
    with contextlib.suppress(ReproboxError):
        return missing_file.advice(stderr, context.repo, context.top, intent.runspec)
    return ""


def _times(
    context: Context,
    intent: Intent,
    report: shim_report.Report | None,
    state: ContainerState | None,
) -> tuple[float, float, float]:
    """Start, end and duration: as the shim saw it, else as the engine did. Where neither saw both
    ends the duration is UNKNOWN.
    """
    if report:
        return report.started, report.finished, report.duration
    if state and (seen := state_.times(state)):
        return *seen, seen[1] - seen[0]
    noted = context.runs.started(intent.id)
    return noted.at if noted else intent.created, context.clock(), UNKNOWN


def tidy(context: Context, run: RunDir, intent: Intent) -> None:
    """Removes what is not needed once the record is there: the container and, while the engine does
    that, the scratch; the container has ended, so nothing of it is in use.
    """
    with meanwhile(lambda: context.engine.remove(container_of(context, intent))):
        clean(run)


def container_of(context: Context, intent: Intent) -> str:
    """The container of a run: by its ID where one was noted, else by its name."""
    noted = context.runs.started(intent.id)
    return noted.container if noted else intent.container


def _keep(run: RunDir, report: bool, met: bool, bar: Bar) -> list[str]:
    """Moves the shim's files to where they stay, if they are the shim's; the digests of the two
    streams.
    """
    for name, believed in (("exit.json", report), ("met.json", met)):
        if believed:
            run.keep(name, run.path / "out" / name)
    _keep_trail(run.path)
    return [
        run.keep(name, run.path / "out" / name, bar.update) or canon.digest_bytes(b"")
        for name in ("stdout", "stderr")
    ]


def _disk_is_full(path: Path) -> bool:
    """Whether no program could write much more there."""
    there = os.statvfs(path)
    return there.f_bavail * there.f_frsize < _FULL or (there.f_files > 0 and there.f_favail == 0)


def exit_of(
    report: shim_report.Report | None, state: ContainerState | None, interrupted: str | None
) -> Exit:
    """How it ended: the shim saw it from inside; the engine's word is used where the shim has none,
    or the two disagree.

    The program could write the shim's report itself. The shim exits with the code that it reports,
    so another code of the engine refutes it, unless the shim was killed while it ended what the
    program had left behind.
    """
    seen = state.exit_code if state else None
    if interrupted in ("user", "timeout") and not (report and _by_itself(report, state)):
        code = report.code if report else 137 if seen is None else seen
        if interrupted == "timeout":
            return _at_time_limit(code, report.signal if report else None)
        return Exit(code=code, reason="interrupted", signal=report.signal if report else None)
    if report and (
        seen in (None, report.code) or (seen == _KILLED and state and not state.oom_killed)
    ):
        said = (
            ""
            if seen in (None, report.code)
            else f"The container was killed after the program had ended (exit {seen})."
        )
        if report.told_to_end:
            said = (
                "It was stopped from outside of reprobox: by `docker stop`, or by the end of the "
                f"engine. {said}".strip()
            )
        if report.why == "timeout":
            return _at_time_limit(report.code, report.signal)
        why: Reason = "interrupted" if report.told_to_end else report.why
        return Exit(
            code=report.code,
            reason=why,
            signal=report.signal,
            message=f"{report.message} {said}".strip(),
        )
    return _by_engine(
        state, f"exit.json said {report.code}, and that is not true." if report else ""
    )


def _at_time_limit(code: int, signal: int | None) -> Exit:
    """A program that was ended at its time limit: 124, as timeout(1), or 137 where it had to be
    killed; so no script takes an answer of 0 for success.
    """
    return Exit(
        code=_KILLED if _KILLED in (code, 128 + (signal or 0)) else TIME_LIMIT,
        reason="timeout",
        signal=signal,
        message="The time limit was reached; the program was sent SIGTERM and "
        + (f"ended by signal {signal}." if signal else f"exited with {code}."),
    )


def _with_gpu_failure(ended: Exit, intent: Intent, stderr: Path) -> Exit:
    """An exit with the GPU's part in it, where a program that had GPUs failed and said so in the
    last lines that it wrote.
    """
    if not (intent.runspec.gpus and ended.code and ended.reason in ("exited", "signal")):
        return ended
    from reprobox.engine.gpu import failures

    try:
        with stderr.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_WORDS))
            said = failures.named(file.read(_LAST_WORDS).decode("utf-8", "replace"))
    except OSError:
        return ended
    return replace(ended, message=f"{ended.message} {said}".strip())


def _by_itself(report: shim_report.Report, state: ContainerState | None) -> bool:
    """Whether the program had ended before anybody's wish for it arrived: no signal came, and its
    own code is the container's.
    """
    return (
        report.why != "timeout"
        and not report.told_to_end
        and state is not None
        and state.exit_code == report.code
    )


def _by_engine(state: ContainerState | None, forged: str) -> Exit:
    """How it ended, as far as the engine knows."""
    if state is None:
        return Exit(code=255, reason="lost", message="the container is gone and left no exit.json")
    if state.oom_killed:
        return Exit(code=137, reason="oom", signal=9, message=forged)
    code = state.exit_code if state.exit_code is not None else 255
    if code in (126, 127) and state.status == "created":
        return Exit(
            code=code, reason="not-found" if code == 127 else "not-executable", message=state.error
        )
    if forged:
        return Exit(code=code, reason="exited", message=forged)
    if code == _SHIM_FAILED:
        return Exit(
            code=code,
            reason="engine",
            message="the injected shim could not do its work, so the program was not started",
        )
    return Exit(
        code=code,
        reason="engine",
        message=state.error or "the engine stopped the container before the program ended",
    )


def _keep_trail(run_dir: Path) -> None:
    kinds = ("trail", "optrace", "restart")
    found = (path for kind in kinds for path in (run_dir / "out").glob(f"{kind}*.jsonl"))
    for source in sorted(found):
        if source.is_file() and not source.is_symlink():
            source.replace(run_dir / source.name)


def unmake(context: Context, run: RunDir, intent: Intent) -> None:
    """Removes the container of a run that is to be forgotten; a process that dies in here leaves
    one that never began, not a lost one.
    """
    container = container_of(context, intent)
    run.not_started()
    context.engine.remove(container)


def discard(context: Context, run: RunDir) -> None:
    """Forgets a run in which nothing ran."""
    secrets_.forget(run.path)
    run.release()
    context.runs.remove(run.id)


def clean(run: RunDir) -> None:
    """Removes what only the running container needed; it is not needed after the record is
    written.
    """
    run.clear_scratch()
    secrets_.forget(run.path)
    for name in (export_manifest.NAME, run_inputs.NOTE, STOPPED, BALLAST):
        (run.path / name).unlink(missing_ok=True)
