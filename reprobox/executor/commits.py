"""Where a run's commit is: in the user's repository, or, when it came from elsewhere, in a
repository of the project's store.

A commit that came without its history must not go into the user's own repository: git would take
that for damage, or, if it were marked as shallow, would cut off history that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reprobox.context import Context
from reprobox.errors import NotARepository
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.source.repo import Repo

if TYPE_CHECKING:
    from reprobox.store.transfer.copy import Card

CODE = "code.git"
"""The store's repository, below `.reprobox`."""


def holder(context: Context, commit: str) -> Repo:
    """The repository that has a commit: the user's own, or the store's for what was imported."""
    if context.repo.has(commit):
        return context.repo
    imported = context.runs.root / CODE
    if imported.is_dir() and context.repo_at(imported).has(commit):
        return context.repo_at(imported)
    return context.repo


def begins_here(top: Path) -> bool:
    """Whether a repository is as `git init` left it, or an import that died there: no commit, and
    none of the user's staged changes.

    An import writes the index and no file, so what is staged and not in the work tree is its own.
    """
    from reprobox.source.git import Git
    from reprobox.source.repo import unborn

    return unborn(top) and Git(at=top).out("ls-files", "--cached", "-z") == Git(at=top).out(
        "ls-files", "--deleted", "-z"
    )


@dataclass(frozen=True)
class Code:
    """Where commits arrive: in the store's own repository, or, where there was none, in the one
    that is made for them.
    """

    top: Path
    root: Path
    fresh: bool

    def has(self, commit: str) -> bool:
        """Whether git has it."""
        from reprobox.source.repo import open_repo

        places = [path for path in (self.top, self.root / CODE) if self._is_repository(path)]
        return any(open_repo(path).has(commit) for path in places)

    @staticmethod
    def _is_repository(path: Path) -> bool:
        return (path / ".git").exists() or (path / "HEAD").is_file()

    def take(self, card: Card, found: Mapping[str, Path]) -> None:
        """Takes a commit in. Raises SourceError when the pack does not hold it whole."""
        from reprobox.source import commit_pack, lfs_transfer

        place = self._new_repository(card.commit) if self.fresh else self.root / CODE
        if card.pack is None:
            raise NotARepository(f"the code of run {card.id} did not come")
        with found[card.pack].open("rb") as file:
            commit_pack.import_pack(place, iter(partial(file.read, 1 << 20), b""), card.commit)
        for digest, path in found.items():
            if digest != card.pack:
                lfs_transfer.import_lfs(place, path, digest)

    def _new_repository(self, commit: str) -> Path:
        from reprobox.source.git import Git

        if not (self.top / ".git").exists():
            kind = "sha1" if len(commit) == 40 else "sha256"
            # An empty template: the default one may hold hooks.
            Git(at=self.top).out(
                "init",
                "--quiet",
                "--template=",
                "--initial-branch=main",
                f"--object-format={kind}",
                ".",
            )
        return self.top / ".git"

    def _begin_branch(self, commit: str) -> None:
        """The first commit that comes is what the branch begins with; no file is written, `git
        restore .` does that.

        The index first: a process that dies between the two leaves a repository without a commit,
        and the next import begins here again.
        """
        from reprobox.source.git import Git
        from reprobox.source.repo import unborn

        if unborn(self.top):
            Git(at=self.top).out("read-tree", commit)
            Git(at=self.top).out("update-ref", "HEAD", commit)

    def keep(self, card: Card) -> None:
        """Keeps the commit of a run from git's own collection of garbage."""
        from reprobox.source import refs
        from reprobox.source.repo import open_repo

        if self._is_repository(self.top) and open_repo(self.top).has(card.commit):
            refs.keep(self.top, card.id, card.commit)
            if self.fresh:
                self._begin_branch(card.commit)
