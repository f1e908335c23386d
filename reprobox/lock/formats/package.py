"""A package as a lock format names it."""

from __future__ import annotations

from pathlib import Path

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock.candidate import Candidate


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A commit of a git repository."""

    url: str
    commit: str
    subdirectory: str | None = None


@dataclass(frozen=True, kw_only=True)
class Package:
    """What there is of one version of a package."""

    name: str
    """Normalised."""
    version: str
    applies: bool
    """Whether it is for this interpreter and platform, and of what was asked for."""
    wheels: tuple[Candidate, ...] = ()
    other: tuple[str, ...] = ()
    """What there is besides wheels: sdist, vcs, directory, archive."""
    source: Candidate | None = None
    """The source distribution, where it has a hash."""
    directory: Path | None = None
    """Where its code is on this host."""
    repository: Repository | None = None
