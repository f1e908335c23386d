"""The code of a run: a commit."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Source:
    """A commit, found clean (or snapshotted), and where it came from."""

    commit: str
    tree: str
    commit_time: int
    """Committer time, seconds since 1970; SOURCE_DATE_EPOCH of the run."""
    branch: str | None = None
    remote: str | None = None
    """URL of the upstream or origin remote, without user name and password."""
    author: str = ""
    """`user.name <user.email>` of who runs, from git's configuration."""
    snapshot: bool = False
    """Whether the commit is a snapshot of a tree that was not clean."""
    submodules: dict[str, str] = field(default_factory=dict)
    """Path to commit."""
    ignored_hints: tuple[str, ...] = ()
    """Files hidden from git's own status by assume-unchanged or skip-worktree that do match the
    commit.
    """


@dataclass(frozen=True, kw_only=True)
class Exported:
    """One path that an export wrote; directories follow from the paths."""

    path: str
    """Relative to the target, `/`-separated; bytes that are not UTF-8 as lone surrogates."""
    kind: Literal["file", "link"]
    mode: int
    """0o644, 0o755, or 0o777 for a link."""
    size: int
    sha256: str
    """Digest of the content; of the target's bytes for a link."""


@dataclass(frozen=True, kw_only=True)
class LfsObject:
    """Content that git knows only by a pointer (git-lfs, docs/spec.md)."""

    path: str
    digest: str
    size: int
