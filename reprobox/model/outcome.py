"""What a container did."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from reprobox.kit.lazy_dataclass import dataclass

Reason = Literal[
    "exited",
    "signal",
    "oom",
    "timeout",
    "interrupted",
    "not-found",
    "not-executable",
    "engine",
    "lost",
]


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A bind mount or tmpfs, absolute on both sides."""

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container to create: the engine's view of a RunSpec, or of one build step."""

    image: str
    argv: tuple[str, ...]
    name: str
    labels: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str | None = None
    host_users: bool = False
    """Whether user IDs are the host's on an engine that remaps them."""
    mounts: tuple[Mount, ...] = ()
    tmpfs: dict[str, str] = field(default_factory=dict)
    hostname: str = "reprobox"
    network: str = "none"
    gpus: str | None = None
    cpus: float | None = None
    cpuset: str | None = None
    """The CPUs that it may run on, as `0-3,8`."""
    memory: int | None = None
    """Bytes; also the limit with swap."""
    shm_size: int | None = None
    pids: int | None = None
    read_only: bool = True
    capabilities: tuple[str, ...] = ()
    """Kept; all others are dropped. `("all",)` keeps the engine's defaults (build steps)."""
    init: bool = False
    fixed_addresses: bool = False
    """Whether its processes may ask for the same places in memory each time."""


@dataclass(frozen=True, kw_only=True)
class ContainerState:
    """What an engine says of a container."""

    id: str
    name: str
    status: Literal["created", "running", "paused", "restarting", "removing", "exited", "dead"]
    exit_code: int | None = None
    """Only when it has exited; an engine answers 0 for one that never started."""
    oom_killed: bool = False
    error: str = ""
    started: str = ""
    finished: str = ""
    labels: dict[str, str] = field(default_factory=dict)


TIME_LIMIT, INTERRUPTED, ENGINE_FAILED = 124, 130, 125
"""Exit codes as of timeout(1), of a shell after Ctrl-C, and of docker."""
_NEVER_ZERO = {
    "timeout": TIME_LIMIT,
    "interrupted": INTERRUPTED,
    "engine": ENGINE_FAILED,
    "lost": ENGINE_FAILED,
}


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How the program ended. `code` is what the program exited with, or 128 + signal; 124 where it
    was ended at its time limit.
    """

    code: int
    reason: Reason
    signal: int | None = None
    message: str = ""

    @property
    def status(self) -> int:
        """What a command that followed the run exits with: never 0 for a program that was ended
        from outside, whatever it answered.
        """
        return self.code or _NEVER_ZERO.get(self.reason, 0)

    @property
    def shown(self) -> int:
        """The code for people: records of 0.1 hold 0 where a program answered its time limit so."""
        return self.status if self.reason == "timeout" else self.code

    @property
    def by_the_moment(self) -> bool:
        """Whether the program was ended from outside, so that what it left depends on when that
        was.
        """
        return self.reason in ("interrupted", "timeout", "engine", "lost")


@dataclass(frozen=True, kw_only=True)
class OutputFile:
    """One path that the run created or changed."""

    path: str
    """Relative to WORK, `/`-separated; bytes that are not UTF-8 are lone surrogates (PEP 383)."""
    kind: Literal["file", "link", "dir"]
    """`dir` only for directories that are empty."""
    size: int
    mode: int
    sha256: str
    """Of the bytes, of a link's target text, or of nothing for a directory; `sha256:...`."""
