"""What reviewers ask of a run, as measured."""

from __future__ import annotations

import shlex
from dataclasses import field

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.units import counted, human, lasting
from reprobox.model.claims import Checked
from reprobox.model.record import UNKNOWN, Record
from reprobox.model.verdict import Class, Verdict

NOT_MEASURED = "not measured"


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """A replay of the run, and who made it."""

    run: str
    result: Class
    checked: float
    """Seconds since 1970."""
    by: str
    hardware: str
    files: int
    same: int
    """Files that are the same, of `files`."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One run."""

    run: str
    title: str
    command: str
    commit: str
    exit: int
    seconds: float | None
    memory: int | None
    """Peak bytes; the kernel's count for the whole container."""
    disk: int
    """Bytes of the outputs."""
    inputs: int
    """Bytes."""
    outputs: tuple[str, ...]
    """Paths of files."""
    cpu: str
    threads: int
    gpus: tuple[str, ...]
    total_memory: int | None
    """Bytes of the machine."""
    python: str
    packages: int
    base: str
    network: str
    profile: str
    seed: int
    claims: tuple[Checked, ...] = ()
    replays: tuple[Replayed, ...] = field(default=())

    @property
    def time(self) -> str:
        return NOT_MEASURED if self.seconds is None else lasting(self.seconds)

    @property
    def peak(self) -> str:
        return NOT_MEASURED if self.memory is None else human(self.memory)

    @property
    def hardware(self) -> str:
        parts = [self.cpu, counted(self.threads, "thread"), *self.gpus]
        if self.total_memory:
            parts.append(f"{human(self.total_memory)} of memory")
        return ", ".join(parts)


def of(
    record: Record,
    outputs: tuple[str, ...],
    claims: tuple[Checked, ...],
    replays: tuple[Replayed, ...],
) -> Facts:
    """The facts of a record.

    Args:
        outputs: paths of its files.
        claims: as they were checked on it.
    """
    asked, lock = record.intent.runspec, record.intent.lock
    seen = record.observed
    return Facts(
        run=record.id,
        title=record.intent.name or record.id,
        command=shlex.join(asked.argv),
        commit=asked.commit,
        exit=record.exit.status,
        seconds=None if record.duration == UNKNOWN else record.duration,
        memory=seen.peak_memory,
        disk=record.outputs.size,
        inputs=sum(pin.size for pin in asked.inputs),
        outputs=outputs,
        cpu=cpu(record),
        threads=asked.threads,
        gpus=tuple(one.name or "GPU" for one in seen.gpus or ()),
        total_memory=seen.memory.total if seen.memory else None,
        python=lock.python.version,
        packages=len(lock.wheels) + len(lock.conda),
        base=lock.base.reference,
        network=asked.network,
        profile=asked.profile,
        seed=asked.seed,
        claims=claims,
        replays=replays,
    )


def cpu(record: Record) -> str:
    """The processor's name."""
    seen = record.observed.cpu
    return (seen and seen.model_name) or "unknown CPU"


def replayed(verdict: Verdict, replay: Record) -> Replayed:
    """A verdict on the run, for reviewers."""
    host = replay.intent.host
    who = f"{host.get('user', '')}@{host.get('name', '')}".strip("@")
    return Replayed(
        run=replay.id,
        result=verdict.result,
        checked=verdict.checked,
        by=who or ("unknown" if host else "Anonymous"),
        hardware=cpu(replay),
        files=len(verdict.files),
        same=sum(file.state.implies.same for file in verdict.files),
    )
