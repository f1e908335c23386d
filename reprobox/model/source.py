"""The code of a run: a commit."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    """Files hidden from git's own status by assume-unchanged or skip-worktree that do match the commit."""
