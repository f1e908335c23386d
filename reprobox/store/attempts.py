"""Tries to execute a run that a scheduler was given: `runs/<id>/attempts/<name>/`, a small store
with the try as its only run.

A scheduler may start a run twice: after a preemption, or while a node that it calls dead continues.
So a try writes into its own directory alone, and what it made becomes the run's in one step that
only one try can make: a link to `winner`, which a network file system decides on its server. A
winner that dies while its files are moved is completed by any other process. Nothing here relies on
locks between hosts.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from reprobox.errors import StoreDamaged
from reprobox.kit import canon, fd_trees, files
from reprobox.kit.regex import regex
from reprobox.model import codec
from reprobox.model.record import Intent, Record
from reprobox.model.scheduled import Scheduled, Try
from reprobox.store import heads, layout, run_documents, rundir
from reprobox.store.rundir import RunDir
from reprobox.store.runs import Runs

FOLDER, NOTE, WINNER, SCHEDULED = "attempts", "attempt.json", "winner", "scheduled.json"
MARKS = (SCHEDULED, FOLDER)
"""One of them is in the directory of each run that a scheduler was given."""
_FINAL = "final.json"
"""In a try's run directory: its record as it becomes the run's."""
_STAY = frozenset({"record.json", "record.sha256", "lock", rundir.ARRIVAL, "intent.json", _FINAL})
"""Of a try's run directory: what is not moved into the run as it is."""
_AGAIN, _PAUSE = 40, 0.05
"""How often, and after how many seconds, a completion is tried again that another one disturbed."""
_NAME = regex(r"[A-Za-z0-9][\w.-]*")


class AttemptRuns(Runs):
    """The store of one try. It has no index, which several hosts could not share."""

    def begin(self, intent: Intent, extra: Mapping[str, bytes], position: int = 1) -> RunDir:
        """As `Runs.begin`."""
        with layout.trouble(f"beginning an attempt of run {intent.id}"):
            return rundir.create(self.root, intent, extra, position)


def scheduled(run: Path) -> Scheduled | None:
    """What was given to a scheduler; None for a run of this host.

    Raises:
        StoreDamaged: the submission cannot be read, or is gone while there are attempts.
    """
    try:
        with layout.trouble(f"reading the submission of run {run.name}"):
            data = (run / SCHEDULED).read_bytes()
    except FileNotFoundError:
        if layout.exists(run / FOLDER):
            raise lost(run) from None
        return None
    with given_up(run):
        return codec.decode(Scheduled, data, where=f"the submission of run {run.name}")


def lost(run: Path) -> StoreDamaged:
    """The fault of a run whose submission is gone."""
    return StoreDamaged(
        f"the submission of run {run.name} is missing",
        why=f"Without {SCHEDULED} it is not known which job of which scheduler executes the run.",
        next_step=f"reprobox rm --abandon {run.name}",
    )


@contextlib.contextmanager
def given_up(run: Path) -> Iterator[None]:
    """Adds to a StoreDamaged how the run can be given up."""
    try:
        yield
    except StoreDamaged as fault:
        fault.next_step = fault.next_step or f"reprobox rm --abandon {run.name}"
        raise


def is_scheduled(run: Path) -> bool:
    """Whether a run was given to a scheduler."""
    return layout.exists(f"{run}/{SCHEDULED}")


def note_job(run: Path, what: Scheduled) -> None:
    """Adds the job to what was given to a scheduler. Where a power cut takes it back, the scheduler
    is asked for the job by its name.
    """
    with layout.trouble(f"writing to {run}"):
        files.replace(run / SCHEDULED, codec.encode(what), 0o600, sync_name=False)


def begin(run: Path, what: Try) -> AttemptRuns:
    """Makes the store of a new try. Raises FileExistsError for a name that is taken."""
    root = run / FOLDER / what.name
    with layout.trouble(f"beginning an attempt of run {run.name}"):
        (run / FOLDER).mkdir(mode=0o700, exist_ok=True)
        root.mkdir(mode=0o700)
        for name in ("runs", "tmp"):
            (root / name).mkdir(mode=0o700)
        # What many runs have in common lies in the project's store once.
        (root / "objects").symlink_to(run.parent.parent / "objects")
        (root / "VERSION").write_bytes((run.parent.parent / "VERSION").read_bytes())
        note(run, what)
    return AttemptRuns(root)


def note(run: Path, what: Try) -> None:
    """Writes what is known of a try."""
    with layout.trouble(f"writing to {run}"):
        files.replace(run / FOLDER / what.name / NOTE, codec.encode(what), 0o600)


def names(run: Path) -> list[str]:
    """The names of every try, whatever is left of it."""
    try:
        with layout.trouble(f"listing the attempts of run {run.name}"):
            return sorted(path.name for path in (run / FOLDER).iterdir() if path.is_dir())
    except FileNotFoundError:
        return []


def tries(run: Path) -> list[Try]:
    """Every try, oldest first. The note of a try is no more than an observation, so damage of one
    hides no try: the try's own record has a digest.
    """
    return sorted((_try(run, name) for name in names(run)), key=lambda one: (one.began, one.name))


def _try(run: Path, name: str) -> Try:
    try:
        return read_note(run, name)
    except (FileNotFoundError, StoreDamaged):
        # No note: its worker died between the directory and the note.
        return Try(name=name, node="", began=os.lstat(run / FOLDER / name).st_mtime)


def read_note(run: Path, name: str) -> Try:
    """What is known of a try.

    Raises:
        FileNotFoundError: it has no note.
        StoreDamaged: the note is damaged.
        NewerFormat: a newer reprobox wrote it.
    """
    where = f"the note of attempt {name} of run {run.name}"
    with layout.trouble(f"reading {where}"):
        data = (run / FOLDER / name / NOTE).read_bytes()
    found = codec.decode(Try, data, where=where)
    if found.name != name:
        raise StoreDamaged(f"{where} is of another one: {found.name!r}")
    return found


def runs_of(run: Path, name: str) -> AttemptRuns:
    """The store of a try."""
    return AttemptRuns(run / FOLDER / name)


def place(run: Path, name: str) -> Path:
    """The run directory of a try; `run` itself has the files of the winner."""
    return run / FOLDER / name / "runs" / run.name


def winner(run: Path) -> str | None:
    """The try whose result is, or becomes, the run's. Raises StoreDamaged."""
    try:
        with layout.trouble(f"reading which attempt of run {run.name} was first"):
            name = (run / WINNER).read_bytes().decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    if not _NAME.fullmatch(name):
        raise StoreDamaged(
            f"the file {WINNER} of run {run.name} is damaged",
            why=f"It should name the attempt that was first, and says {name[:40]!r}.",
            next_step=f"reprobox rm --abandon {run.name}",
        )
    return name


def publish(
    root: Path, run_id: str, name: str, change: Callable[[Record], Record] = lambda one: one
) -> str:
    """Makes a try's record and files the run's, unless another try was first; the name of the try
    whose they are.

    Args:
        change: what is added to the record in the moment in which it becomes the run's.

    Raises:
        StoreDamaged: the try's record is not what was written.
    """
    run = root / "runs" / run_id
    with layout.trouble(f"publishing run {run_id}"):
        with contextlib.suppress(FileExistsError):
            files.publish(run / WINNER, f"{name}\n".encode())
        first = winner(run) or name
        if not layout.exists(run / "record.json"):
            _complete_once(root, run, first, change)
        _clear(run / FOLDER / first)
    return first


def _complete_once(root: Path, run: Path, first: str, change: Callable[[Record], Record]) -> None:
    """As `_complete`, next to other processes that do the same: what one of them has moved away is
    looked for again.
    """
    source = place(run, first)
    for left in reversed(range(_AGAIN)):
        try:
            _complete(root, run, source, change)
            return
        except FileNotFoundError as fault:
            # In this order: it goes from there only after the run has it.
            there = layout.exists(source / "record.json")
            if layout.exists(run / "record.json"):
                return
            if not there:
                raise StoreDamaged(
                    f"the record of attempt {first} of run {run.name} is missing",
                    why=f"The file {WINNER} says that this attempt was first. {fault}",
                    next_step=f"reprobox rm --abandon {run.name}",
                ) from fault
            if not left:
                raise
            time.sleep(_PAUSE)


def _clear(root: Path) -> None:
    """Of the winner only the note stays: all else is the run's by now."""
    (root / "objects").unlink(missing_ok=True)  # a link to those of the project
    for path in sorted(root.iterdir()):
        if path.name == NOTE:
            continue
        fd_trees.remove(path)


def _complete(root: Path, run: Path, source: Path, change: Callable[[Record], Record]) -> None:
    """Moves the winner's files; each step may have been done already, by a process that died in
    here.
    """
    with contextlib.suppress(FileExistsError):  # who completes it again adds nothing else
        files.publish(source / _FINAL, codec.encode(change(_record(source))))
    data = (source / _FINAL).read_bytes()
    short = run_documents.kept(root, run_documents.RECORD, data)
    record = codec.decode_known(Record, data, where=f"the record at {source}")
    _move(source, run)
    intent = run_documents.kept(root, run_documents.INTENT, codec.encode(record.intent))
    files.replace(run / "intent.json", intent, 0o600)
    for changed in (source, run):
        files.fsync_dir(changed)  # the contents were made durable before the try had its record
    digest, own = canon.digest_bytes(data), canon.digest_bytes(short)
    heads.append(root, run.name, "record", digest, own)
    files.replace(run / "record.sha256", run_documents.seal_of(digest, own), 0o600)
    with contextlib.suppress(FileExistsError):
        files.publish(run / "record.json", short, 0o600)


def _record(source: Path) -> Record:
    data = run_documents.read(source, run_documents.RECORD)
    expected = run_documents.sealed((source / "record.sha256").read_bytes())
    if canon.digest_bytes(data) != expected:
        raise StoreDamaged(f"the record of the attempt at {source} is damaged")
    return codec.decode_known(Record, data, where=f"the record at {source}")


def _move(source: Path, run: Path) -> None:
    """The try's files to where a run has them."""
    for path in sorted(source.iterdir()):
        if path.name in _STAY or path.name in rundir.SCRATCH or path.name.startswith("."):
            continue  # a name with a dot: what another process is writing just now
        if path.is_dir() and layout.exists(run / path.name):
            continue
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, run / path.name)


def checks(run: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """What `fsck` reads of a run that a scheduler was given: a name below the run's directory, and
    what raises where it is damaged.
    """
    if not is_scheduled(run) and not layout.exists(f"{run}/{FOLDER}"):
        return
    yield SCHEDULED, partial(scheduled, run)
    yield WINNER, partial(winner, run)
    recorded = layout.exists(run / "record.json")
    for name in names(run):
        yield f"{FOLDER}/{name}/{NOTE}", partial(_note_if_any, run, name)
        if not recorded:
            yield f"{FOLDER}/{name}/runs/{run.name}/record.json", partial(record, run, name)


def _note_if_any(run: Path, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # its worker has just begun
        read_note(run, name)


def ended(run: Path, what: Try, outcome: str, *, now: float, why: str = "") -> None:
    """Notes how a try ended."""
    note(run, replace(what, outcome=outcome, ended=now, why=why))


def record(run: Path, name: str) -> Record | None:
    """The record that a try made, also when it is not the run's; None where it made none."""
    try:
        return _record(place(run, name))
    except FileNotFoundError:
        return None
