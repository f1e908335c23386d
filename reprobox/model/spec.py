"""What the user wants: the config file and the command line, resolved."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.later import later

BaseKind = Literal["debian", "registry", "dockerfile", "archive"]
Profile = Literal["observe", "same-machine", "portable-avx2", "portable-any"]


@dataclass(frozen=True, kw_only=True)
class BaseIntent:
    """Which image everything stands on."""

    kind: BaseKind
    reference: str
    """Suite (`bookworm`), registry reference, path of a Dockerfile, or path of an image archive;
    paths relative to the config.
    """
    context: str = "."
    """Build context of a Dockerfile."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What the lock is made from. Its digest, with the bytes of the requirement files, shows
    whether a lock is stale.
    """

    base: BaseIntent
    python: str = "3.11"
    """Interpreter, `X.Y`; the base must have it."""
    apt: tuple[str, ...] = ()
    """Debian packages: `name` or `name=version`."""
    requirements: tuple[str, ...] = ()
    """Files relative to the config (requirements*.txt, pyproject.toml, uv.lock, poetry.lock,
    pylock*.toml), or `name==1.0`.
    """
    bytecode: bool = False
    """Add a layer of unchecked-hash .pyc files, compiled by the image's own interpreter."""
    image_env: dict[str, str] = field(default_factory=dict)
    """Environment variables of the image, such as NVIDIA_VISIBLE_DEVICES."""
    build: bool = later(True)
    """Whether source distributions are built into wheels."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Limits, in docker's own grammar (`4g`, `1.5`)."""

    cpus: float | None = None
    memory: str | None = None
    shm_size: str = "1g"
    pids: int = 4096
    tmp_size: str = "4g"
    timeout: float | None = None
    """Seconds of wall time after which the run is stopped."""


@dataclass(frozen=True, kw_only=True)
class InputIntent:
    """A declared input: a file or directory that the run reads."""

    path: str
    """Where the run sees it, relative to its working directory, or absolute in the container."""
    source: str
    """Where it is on this host, relative to the repository's top, or absolute."""


STDOUT, STDERR = "<stdout>", "<stderr>"
"""The patterns that stand for the run's streams: `bytes` lets one count, `ignore` never."""
OUTSIDE = "@"
"""The directory of outputs with the files that were collected from outside of the work tree."""


@dataclass(frozen=True, kw_only=True)
class OutputRule:
    """How outputs that match a pattern are compared; without a rule, by their bytes."""

    pattern: str
    """See `judge.rules.matches`; `STDOUT` and `STDERR` for the streams. Behind a `#` stands which
    values of the file are meant: a JSON path, a column, a tag, a key, a member.
    """
    compare: Literal["bytes", "content", "tensors", "except-times", "ignore"] = "bytes"
    """`except-times`: content, without what a clock, a generator or the machine gave."""
    ulp: int = 0
    atol: float = 0.0
    rtol: float = 0.0


THREADS = (
    *(
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NPROC",
        "PJRT_NPROC",
    ),
    *("TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"),
)
"""The variables that a run's `threads` sets."""
OWN_VARIABLES = "REPROBOX_"
"""What the names of the variables begin with by which reprobox talks to what it injects."""
TRAIL_ALSO = ("buffers", "loss", "generators", "collectives")


@dataclass(frozen=True, kw_only=True)
class Trail:
    """Fingerprints of the parameters each `every` optimizer steps (0: the cheap default is chosen
    by measuring).
    """

    every: int = 0
    gradients: bool = False
    enabled: bool = False


@dataclass(frozen=True, kw_only=True)
class Resume:
    """How the program continues from its own checkpoint. Only `check --resume` uses it."""

    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()

    def argv(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """The command line: another command, or the run's own with arguments appended."""
        return (*(self.command or command), *self.arguments)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The resolved config. `params` is the user's own part; `document` the whole YAML document as
    the script will read it.
    """

    config_path: str
    """The config file, relative to the top of the repository, `/`-separated."""
    lock_path: str
    """The lock file, relative to the top of the repository."""
    command: tuple[str, ...]
    environment: Environment
    workdir: str = "."
    """Working directory of the command, relative to the top of the repository."""
    inputs: tuple[InputIntent, ...] = ()
    outputs: tuple[OutputRule, ...] = ()
    metrics: dict[str, str] = field(default_factory=dict)
    """Name to `path#key`, see `trackers.declared`; read from the recorded config when asked for."""
    claims: dict[str, str] = field(default_factory=dict)
    """Name to text, see `model.claims`."""
    rules: tuple[str, ...] = ()
    """Names of presets, whose rules follow those of `outputs`."""
    seed: int = 0
    profile: Profile = "same-machine"
    threads: int = 1
    """Threads of OpenMP, MKL and OpenBLAS. Part of the numbers, so it is a number and never the
    host's core count.
    """
    random_addresses: bool = False
    """Whether the kernel draws where things lie in memory, as it does by default."""
    trail: Trail = field(default_factory=Trail)
    trail_also: tuple[str, ...] = ()
    """What else a step of the trail holds: `TRAIL_ALSO`. In a run's identity it is a variable of
    the environment.
    """
    resume: Resume = field(default_factory=Resume)
    gpus: str | None = None
    resources: Resources = field(default_factory=Resources)
    network: str = "none"
    env: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """Name in the container to its source here, `env:NAME` or `file:PATH`. No value is recorded."""
    writable_root: bool = False
    capabilities: tuple[str, ...] = ()
    name: str | None = None
    tags: tuple[str, ...] = ()
    document: dict[str, Any] = field(default_factory=dict)
    text: str | None = None
    """The config file as the script reads it, where an override changed the user's own part; None:
    the file's own bytes.
    """
    overrides: tuple[str, ...] = ()
    origins: dict[str, str] = field(default_factory=dict)
    """Dotted key to where its value came from: `file`, `command line`; keys that are not here are
    defaults.
    """
