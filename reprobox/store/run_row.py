"""What a list needs to know of a run: few fields, read fast, so that 10,000 runs are indexed in
seconds.

The strict reader of a whole record takes milliseconds, because a record holds its lock; this one
takes a tenth of that and checks the record's bytes against their checksum all the same.
"""

from __future__ import annotations

import os
from dataclasses import field
from pathlib import Path

from reprobox.errors import NewerFormat, StoreDamaged
from reprobox.kit import files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.model.outcome import TIME_LIMIT
from reprobox.store import layout, run_documents, run_ids, run_state, rundir


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run in a list."""

    id: str
    name: str | None = None
    tags: tuple[str, ...] = ()
    state: str
    created: float
    exit_code: int | None = None
    reason: str = ""
    duration: float | None = None
    commit: str = ""
    branch: str | None = None
    config_path: str = ""
    identity: str = ""
    image: str = ""
    replay_of: str | None = None
    outputs: int | None = None
    """How many paths."""
    size: int | None = None
    """Bytes of all outputs."""
    digest: str = ""
    """Of the record; empty while there is none."""
    snapshot: bool = False
    """Whether the commit is a snapshot of a work tree that was not clean."""
    arrival: int = 0
    """Position in the order in which runs came into this store; 0 for runs of reprobox 0.1."""


@dataclass(frozen=True, kw_only=True)
class _RunSpec:
    commit: str
    config_path: str


@dataclass(frozen=True, kw_only=True)
class _Image:
    config: str


@dataclass(frozen=True, kw_only=True)
class _Source:
    branch: str | None = None
    snapshot: bool = False


@dataclass(frozen=True, kw_only=True)
class _Intent:
    id: str
    runspec: _RunSpec
    identity: str
    image: _Image
    source: _Source
    name: str | None = None
    tags: tuple[str, ...] = ()
    replay_of: str | None = None
    created: float


@dataclass(frozen=True, kw_only=True)
class _Exit:
    code: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class _Outputs:
    files: int
    size: int


@dataclass(frozen=True, kw_only=True)
class _Record:
    intent: _Intent
    exit: _Exit
    duration: float
    outputs: _Outputs = field(default_factory=lambda: _Outputs(files=0, size=0))


OPEN = "open"
"""State of a row without a record: what became of the run is computed when it is asked for."""
UNREADABLE = "unreadable"
"""State of a row whose directory is another user's; it is listed too, and may be whole."""
DAMAGED = "damaged"
"""State of a row whose record cannot be read: it is listed, never left out."""


def read(folder: Path, run_id: str) -> RunRow | None:
    """A run's row; None when the run never happened (no intent).

    Args:
        folder: the directory of the runs.

    Raises:
        StoreError: the operating system refused to read; that is neither damage nor absence.
    """
    run = f"{folder}/{run_id}"
    if layout.closed(run):
        return RunRow(
            id=run_id,
            state=UNREADABLE,
            created=run_ids.created(run_id),
            reason="it belongs to another user",
        )
    with layout.trouble(f"reading {run}"):
        try:
            os.lstat(f"{run}/intent.json")
        except FileNotFoundError:
            return None if rundir.unborn(Path(run)) else _damaged(run_id, "its intent is gone")
        except NotADirectoryError:
            return None
        record_bytes, seal = _read(f"{run}/record.json"), _read(f"{run}/record.sha256")
    try:
        if record_bytes is None:
            data = _read(f"{run}/intent.json") or b""
            wanted = codec.peek(_Intent, data, where=f"the intent of {run_id}")
            return _row(wanted, None, "", rundir.arrival(run))
        digest = run_documents.unbroken(seal or b"", run, record_bytes)
        if digest is None:
            return _damaged(run_id, "its bytes are not the ones that were written")
        record = codec.peek(_Record, record_bytes, where=f"the record of {run_id}")
        return _row(record.intent, record, digest, rundir.arrival(run))
    except (StoreDamaged, NewerFormat) as fault:
        return _damaged(run_id, fault.what)


def _read(path: str) -> bytes | None:
    try:
        return files.read_whole(path)
    except FileNotFoundError:
        return None


def _damaged(run_id: str, why: str) -> RunRow:
    return RunRow(id=run_id, state=DAMAGED, created=run_ids.created(run_id), reason=why)


def _status(exit_: _Exit) -> int:
    """A program that answered its time limit with 0 did not succeed; records of 0.1 have that."""
    return TIME_LIMIT if exit_.reason == "timeout" and exit_.code == 0 else exit_.code


def _row(intent: _Intent, record: _Record | None, digest: str, arrival: int) -> RunRow:
    return RunRow(
        id=intent.id,
        name=intent.name,
        tags=intent.tags,
        state=run_state.name_of(record.exit.code, record.exit.reason) if record else OPEN,
        created=intent.created,
        exit_code=_status(record.exit) if record else None,
        reason=record.exit.reason if record else "",
        duration=record.duration if record else None,
        commit=intent.runspec.commit,
        branch=intent.source.branch,
        config_path=intent.runspec.config_path,
        identity=intent.identity,
        image=intent.image.config,
        replay_of=intent.replay_of,
        outputs=record.outputs.files if record else None,
        size=record.outputs.size if record else None,
        digest=digest,
        snapshot=intent.source.snapshot,
        arrival=arrival,
    )
