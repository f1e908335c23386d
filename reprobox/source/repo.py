"""Finding and opening a repository."""

from __future__ import annotations

import os
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reprobox.errors import NotARepository, SourceError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.source.git import Git
from reprobox.source.git_objects import Reader

if TYPE_CHECKING:
    from reprobox.source.commit_tree import Snapshot


@dataclass(frozen=True)
class Repo:
    """An open repository. What was read from it once is remembered here, for as long as one command
    lasts: commits by their full names, and the repositories of its submodules.
    """

    git: Git
    top: Path | None
    """Top of the work tree; None for a bare repository."""
    git_dir: Path
    common_dir: Path
    """Where objects and refs are; another directory than `git_dir` in a linked work tree."""
    commits: dict[str, Snapshot] = field(default_factory=dict, repr=False, compare=False)
    """Commits that were read; see `commit_tree.read_commit`."""
    _inner: dict[Path, Repo] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def objects(self) -> Reader:
        """Its objects."""
        return Reader(self.git)

    @cached_property
    def config(self) -> dict[str, str]:
        """The configuration in force; keys in lower case but for their middle, the last value of
        each.
        """
        listed = self.git.out("config", "--null", "--list").split(b"\0")
        pairs = (item.partition(b"\n") for item in listed if item)
        return {text(key): text(value) if mark else "true" for key, mark, value in pairs}

    def flag(self, key: str, default: bool) -> bool:
        """A boolean of the configuration (git-config, Values)."""
        value = self.config.get(key, "true" if default else "false").lower()
        return value in ("true", "yes", "on") or (value.isdigit() and int(value) != 0)

    def reading_also(self, stores: list[Path]) -> Repo:
        """The same repository with more object stores to read from."""
        joined = ":".join(
            '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"' for path in stores
        )
        return replace(
            self,
            git=replace(self.git, extra={"GIT_ALTERNATE_OBJECT_DIRECTORIES": joined}),
            commits={},
        )

    def has(self, commit: str) -> bool:
        """Whether the commit is here, undamaged."""
        if commit in self.commits:
            return True
        try:
            return self.objects.find(f"{commit}^{{commit}}", "commit") is not None
        except SourceError:
            return False

    def inner(self, place: Path) -> Repo:
        """The repository of a submodule, opened once. Raises SourceError as `open_repo`."""
        if place not in self._inner:
            self._inner[place] = open_repo(place)
        return self._inner[place]


_ANSWERS = 2
"""Lines that `rev-parse` says of where a repository is."""


def text(raw: bytes) -> str:
    """A name or path as text; bytes that are not UTF-8 as lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def raw(name: str) -> bytes:
    """The bytes of a name or path."""
    return name.encode("utf-8", "surrogateescape")


def opened(place: Repo | Path) -> Repo:
    """A repository that may be open already; a path is opened for this one call."""
    return place if isinstance(place, Repo) else open_repo(place)


def find_top(start: Path) -> Path:
    """The top of the work tree around a directory; see `find_repo`."""
    return find_repo(start)[0]


def find_repo(start: Path) -> tuple[Path, Repo]:
    """The top of the work tree around a directory, and its repository; it may have no commit yet.

    Raises:
        NotARepository: there is none, it is bare, or it belongs to another user.
    """
    if not start.is_dir():
        raise NotARepository(f"{start} is not a directory")
    git = Git(at=start)
    done = git.run("rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir")
    if done.ok:
        lines = text(done.out[:-1]).split("\n")
        if len(lines) != _ANSWERS + 1:  # a name with a line end in it
            top = Path(text(git.out("rev-parse", "--show-toplevel")[:-1]))
            return top, open_repo(top)
        top, git_dir, common_dir = (Path(os.path.abspath(start / line)) for line in lines)
        return top, Repo(Git(at=top), top, git_dir, common_dir)
    said = done.error_text
    if "dubious ownership" in said or "unsafe repository" in said:
        raise _foreign(start, said)
    if "must be run in a work tree" in said:
        raise NotARepository(
            f"{start} is a bare repository, or inside .git",
            next_step="go to a work tree: git clone or git worktree add",
        )
    if "not a git repository" in said:
        raise NotARepository(
            f"{start} is not in a git repository", next_step="git init, then commit the code"
        )
    raise NotARepository(f"git cannot read the repository around {start}", why=said)


def main_top(top: Path) -> Path:
    """The directory that all work trees of a repository have in common: its main one, or the parent
    of a bare `.git`.

    `top` itself where it is not a linked work tree, or where its repository is a bare one of
    another name: what is next to it may be another user's.
    """
    return top if not (top / ".git").is_file() else main_top_of(top, open_repo(top))


def main_top_of(top: Path, repo: Repo) -> Path:
    """The same, of a repository that is open."""
    common = repo.common_dir.resolve()
    return common.parent if common != repo.git_dir.resolve() and common.name == ".git" else top


def _foreign(start: Path, said: str) -> NotARepository:
    why = (
        "Git refuses to read repositories of other users, because their configuration could run "
        "programs.\n" + said.splitlines()[0]
    )
    return NotARepository(
        f"the repository around {start} belongs to another user",
        why=why,
        next_step="if you trust it, name it to git: git config --global --add safe.directory "
        "DIRECTORY",
    )


def open_repo(path: Path) -> Repo:
    """Opens the repository at a directory: the top of a work tree, a bare repository, or a
    `.git/modules/...` directory.

    Raises:
        SourceError: when git cannot read it.
    """
    bare = _is_git_dir(path)
    git = Git(at=path, git_dir=bare)
    questions = ("--absolute-git-dir", "--git-common-dir")
    lines = text(git.out("rev-parse", *questions)[:-1]).split("\n")
    if len(lines) != _ANSWERS:  # a name with a line end in it
        lines = [text(git.out("rev-parse", question)[:-1]) for question in questions]
    git_dir, common_dir = (Path(os.path.abspath(git.at / line)) for line in lines)
    return Repo(git, None if bare else path, git_dir, common_dir)


def _is_git_dir(path: Path) -> bool:
    return (
        (path / "HEAD").is_file() and (path / "objects").is_dir() and not (path / ".git").exists()
    )


def head(repo: Repo) -> str:
    """The commit that HEAD names.

    Raises:
        NotARepository: it has no commit yet.
        SourceError: the commit that HEAD names is not there.
    """
    try:
        return resolve(repo, "HEAD")
    except SourceError:
        if not unborn(repo.git.at):
            raise
    raise NotARepository(
        f"{repo.git.at} has no commit yet",
        next_step="git add the code and git commit it; a run is the run of a commit",
    )


def unborn(top: Path) -> bool:
    """Whether a repository is as `git init` made it: HEAD names a branch that has no commit."""
    git = Git(at=top)
    return (
        not git.run("rev-parse", "--verify", "--quiet", "HEAD").ok
        and git.run("symbolic-ref", "--quiet", "HEAD").ok
    )


def resolve(repo: Repo, revision: str) -> str:
    """The full name of a commit.

    Raises:
        SourceError: there is no such commit here, or it is damaged.
    """
    if revision in repo.commits:
        return revision
    found = repo.objects.find(f"{revision}^{{commit}}", "commit")
    # Git peels no object that is damaged, and calls it missing; asked for by itself, it is read.
    found = found or repo.objects.find(revision, "commit")
    if found is None:
        raise SourceError(
            f"the commit {revision} is not in {repo.git.at}",
            next_step="fetch it, or take the code from the store or bundle of the run",
        )
    return found
