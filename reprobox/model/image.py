"""The image: what the engine holds, named by digests that we computed."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from reprobox.kit.canon import hex_of
from reprobox.kit.lazy_dataclass import dataclass

VENV = "opt/venv"
"""Where our virtual environment is, relative to the root of the image as tar members are; what a
base has there is laid over.
"""
ARCHIVE_MEMO = "image/load_archive/"
"""With the hexadecimal config digest of an image: the memo that holds the digest of its whole
archive in the store.
"""
FAMILY = "reprobox/"
"""What the names of all images begin with that we load."""


def tag_of(lock_digest: str) -> str:
    """The local tag of a lock's image. Raises ValueError when that is not a digest."""
    return f"{FAMILY}lock:{hex_of(lock_digest)[:32]}"


@dataclass(frozen=True, kw_only=True)
class Image:
    """A composed and verified image."""

    config: str
    """Digest of the config JSON: the image ID on graph-driver engines. The identity."""
    manifest: str
    """Digest of our OCI manifest (uncompressed layers): the image ID on engines with the containerd
    store.
    """
    diff_ids: tuple[str, ...]
    lock: str
    """Digest of the lock."""
    tag: str
    """Local tag, `reprobox/lock:<first 32 hex of the lock's digest>`."""
    base: str = ""
    """The base as the lock names it, for people."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The `config` object of the image (Env, Labels, ...): what is compared where an engine's ID is
    neither digest above.
    """
    addresses: tuple[str, ...] = ()
    """Where registries had it when the run was made (`name@sha256:...`): addresses, not identities,
    since engines compress anew.
    """


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """What an engine says of an image (`inspect`)."""

    id: str
    diff_ids: tuple[str, ...]
    config: dict[str, Any] = field(default_factory=dict)
    repo_digests: tuple[str, ...] = ()
    architecture: str = ""
    created: str = ""
