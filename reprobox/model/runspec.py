"""Everything that may decide a bit of a run. Its digest is the identity of the experiment."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.claims import Claim
from reprobox.model.codec import later
from reprobox.model.spec import OutputRule, Resources, Trail

WORK = "/work"
"""Where the commit is mounted."""
BOX = "/.reprobox"
"""Where the injected runtime is mounted, read-only."""
OUT = "/.reprobox-out"
"""Where the shim writes stdout, stderr, exit.json, met.json and the trail."""


@dataclass(frozen=True, kw_only=True)
class InputPin:
    """An input by content."""

    path: str
    """Where the run sees it: absolute path in the container."""
    source: str
    """Where it was on the host of the run; a hint, not part of the identity."""
    kind: str
    """`file` or `tree`."""
    digest: str
    """sha256 of the file, or of the tree's manifest (data/tree.py)."""
    size: int
    files: int = 1
    tracked: bool = False
    """Whether the bytes are mounted from the commit."""
    manifest: int = later(1)
    """Version of the tree's manifest; 1 has no empty directories, and links as text only."""
    place: str = later("")
    """Of a tracked input: its path in the commit, where that is not `path` below WORK."""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """What was asked. Nothing that was only observed (GPU, kernel, host) is in here."""

    FORMAT: ClassVar[str] = "reprobox.runspec/1"

    format: str = FORMAT
    argv: tuple[str, ...]
    workdir: str
    """Relative to WORK."""
    env: dict[str, str]
    """The whole environment besides the image's own."""
    commit: str
    tree: str
    config_path: str
    config_digest: str
    """Digest of the config file that the script sees (the commit's own when nothing was
    overridden).
    """
    image: str
    """Config digest of the image."""
    lock: str
    """Digest of the lock."""
    runtime: str
    """Digest of the injected runtime (its tree manifest)."""
    seed: int
    profile: str
    threads: int
    trail: Trail = field(default_factory=Trail)
    inputs: tuple[InputPin, ...] = ()
    secrets: tuple[str, ...] = ()
    gpus: str | None = None
    resources: Resources = field(default_factory=Resources)
    network: str = "none"
    hostname: str = "reprobox"
    writable_root: bool = False
    capabilities: tuple[str, ...] = ()
    outputs: tuple[OutputRule, ...] = ()
    claims: tuple[Claim, ...] = later(())
    repository: bool = later(False)
    """Whether `.git` of the work tree answers which commit this is; runs of 0.1.0 had none."""
