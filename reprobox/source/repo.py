"""Finding and opening a repository."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from reprobox.errors import NotARepository, SourceError
from reprobox.source.git import Git


@dataclass(frozen=True)
class Repo:
    """An open repository."""

    git: Git
    top: Path | None
    """Top of the work tree; None for a bare repository."""
    git_dir: Path
    common_dir: Path
    """Where objects and refs are; another directory than `git_dir` in a linked work tree."""

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
            self, git=replace(self.git, extra={"GIT_ALTERNATE_OBJECT_DIRECTORIES": joined})
        )

    def has(self, commit: str) -> bool:
        """Whether the commit is here."""
        return self.git.run("cat-file", "-e", f"{commit}^{{commit}}").ok


def text(raw: bytes) -> str:
    """A name or path as text; bytes that are not UTF-8 as lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def raw(name: str) -> bytes:
    """The bytes of a name or path."""
    return name.encode("utf-8", "surrogateescape")


def find_top(start: Path) -> Path:
    """The top of the work tree around a directory; it may have no commit yet.

    Raises:
        NotARepository: there is none, it is bare, or it belongs to somebody else.
    """
    if not start.is_dir():
        raise NotARepository(f"{start} is not a directory")
    done = Git(at=start).run("rev-parse", "--show-toplevel")
    if done.ok:
        return Path(text(done.out[:-1]))
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

    `top` itself where it is no linked work tree, or where its repository is a bare one of another
    name: what lies beside that may be anybody's.
    """
    if not (top / ".git").is_file():
        return top
    repo = open_repo(top)
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
    git_dir = _path(git, "--absolute-git-dir")
    return Repo(git, None if bare else path, git_dir, _path(git, "--git-common-dir"))


def _path(git: Git, question: str) -> Path:
    return Path(os.path.abspath(git.at / text(git.out("rev-parse", question)[:-1])))


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
        SourceError: when there is no such commit here.
    """
    done = repo.git.run(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    if not done.ok:
        raise SourceError(
            f"the commit {revision} is not in {repo.git.at}",
            why=done.error_text,
            next_step="fetch it, or take the code from the store or bundle of the run",
        )
    return done.out.decode("ascii").strip()
