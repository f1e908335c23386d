"""What was observed of a run: the shape of `met` in a record. Programs and other users can write
anything there, so a value that does not have this shape is refused.

`Record.observed` gives it as typed values. Only what is read somewhere is typed; the document keeps
the rest as it is, so that the bytes of a record stay.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from reprobox.errors import StoreDamaged
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.units import counted, human
from reprobox.model import codec

_NAMED = 5
"""Paths that a sentence names."""


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """The first processor."""

    vendor: str | None = None
    model_name: str | None = None
    flags: list[str] | None = None
    allowed: int | None = None
    """How many CPUs the run could use."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    machine: str | None = None
    release: str | None = None


@dataclass(frozen=True, kw_only=True)
class Draw:
    what: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Seed:
    what: str
    place: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Threads:
    place: str
    at_once: int


@dataclass(frozen=True, kw_only=True)
class Child:
    """A program that a process started through `subprocess`."""

    pid: int | None = None
    argv: list[str] | None = None
    static: str | None = None
    """The line that started it, where it is statically linked."""


@dataclass(frozen=True, kw_only=True)
class Torch:
    """What torch reported in one process."""

    version: str | None = None
    cpu_capability: str | None = None
    cudnn: int | None = None
    threads_at_exit: int | None = None
    sm_counts: list[int] | None = None
    """Multiprocessors of each GPU."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process that the injected runtime reached, by the marker that it left."""

    pid: int | None = None
    ppid: int | None = None
    forked: bool | None = None
    argv: list[str] | None = None
    children: list[Child] | None = None
    errors: list[Any] | None = None
    entropy: list[Draw] | None = None
    seeds: list[Seed] | None = None
    threads: list[Threads] | None = None
    torch: Torch | None = None
    """None where the process did not use torch."""
    stopped: int | None = None
    """The optimizer step after which a preflight ended it."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Of the machine."""

    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, in the words of nvidia-smi."""

    uuid: str | None = None
    name: str | None = None
    driver_version: str | None = None
    memory_total: str | None = None
    compute_cap: str | None = None
    mig_mode_current: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cgroup:
    """Limits of the container's control group."""

    cpus: float | None = None


@dataclass(frozen=True, kw_only=True)
class Files:
    """The file system of the work tree, and what a process may open."""

    system: str | None = None
    device: int | None = None
    open: list[str] | None = None
    """Soft and hard limit of open files."""


@dataclass(frozen=True, kw_only=True)
class Security:
    """What the kernel lets the run's processes do."""

    aslr: int | None = None
    personality: str | None = None


@dataclass(frozen=True, kw_only=True)
class InputChange:
    """An input that did not stay what was hashed while the run used it. Some paths of each kind."""

    path: str
    """Of the input, in the container."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many paths of each kind there were."""
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    """Written meanwhile, and with the hashed bytes at the end."""
    unreadable: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """For people."""
        kinds = ("changed", "missing", "new", "rewritten", "unreadable")
        listed: dict[str, list[str]] = {kind: getattr(self, kind) for kind in kinds}
        parts = [
            f"{self.counts.get(kind, len(paths)):,} {kind}"
            + (f" ({', '.join(paths[:_NAMED])})" if any(paths) else "")
            for kind, paths in listed.items()
            if paths
        ]
        return f"input {self.path} changed while the run used it: {'; '.join(parts)}"


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Files that were left outside of the work tree and are gone."""

    files: int = 0
    size: int = 0
    """Bytes, all together."""
    named: list[tuple[str, int]] = field(default_factory=list)
    """Path and bytes of the largest."""
    collected: int = 0
    failed: list[str] = field(default_factory=list)
    """What was asked for and could not be copied: `path: reason`."""

    @property
    def sentence(self) -> str:
        """For people; empty where nothing was left."""
        if not self.files:
            return ""
        named = ", ".join(f"{path} ({human(size)})" for path, size in self.named[:_NAMED])
        more = f" and {self.files - _NAMED:,} more" if self.files > _NAMED else ""
        what = f"{counted(self.files, 'file')} left outside of the work tree"
        return f"{what} and not kept: {named}{more}"

    def __post_init__(self) -> None:
        if min(self.files, self.size, self.collected, *(size for _, size in self.named), 0) < 0:
            raise ValueError("fewer than no files")


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What the container, its processes and the look at its end reported."""

    outside: Outside | None = None
    inputs_changed: list[InputChange] = field(default_factory=list)
    cpu: Cpu | None = None
    kernel: Kernel | None = None
    cgroup: Cgroup | None = None
    memory: Memory | None = None
    files: Files | None = None
    security: Security | None = None
    python: dict[str, Any] | None = None
    libc: str | None = None
    packages: dict[str, dict[str, str]] | None = None
    gpus: list[Gpu] | None = None
    processes: list[Process] = field(default_factory=list)
    peak_memory: int | None = None
    oom_kills: int | None = None
    deleted: list[str] = field(default_factory=list)


def inputs_changed(met: Any) -> tuple[InputChange, ...]:
    """The inputs that did not stay what was hashed; empty where the value has another shape."""
    listed = met.get("inputs_changed") if isinstance(met, dict) else None
    try:
        return codec.from_json(tuple[InputChange, ...], listed or [], where="inputs_changed")
    except StoreDamaged:
        return ()


def outside(met: Any) -> Outside | None:
    """What was left outside of the work tree; None where it was not looked at."""
    found = met.get("outside") if isinstance(met, dict) else None
    try:
        return None if found is None else codec.from_json(Outside, found, where="outside")
    except StoreDamaged:
        return None


def read(met: Any) -> Observed:
    """The typed values.

    Raises:
        ValueError: it has another shape; the text says where. So a document with such a `met` is
            refused as a whole.
    """
    try:
        return codec.from_json(Observed, met, where="met")
    except StoreDamaged as fault:
        raise ValueError(f"{fault.what}: {fault.why}") from fault


def fits(met: Any) -> bool:
    """Whether a value has the shape."""
    try:
        read(met)
    except ValueError:
        return False
    return True
