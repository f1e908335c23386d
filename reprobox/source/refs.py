"""Hidden refs `refs/reprobox/<run-id>`: they keep a run's commit when its branch is deleted and git
collects garbage.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reprobox.errors import SourceError
from reprobox.kit.regex import regex
from reprobox.source import commit_tree, modules
from reprobox.source.repo import Repo, opened, resolve

PREFIX = "refs/reprobox/"
_RUN_ID = regex(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")


def name(run_id: str) -> str:
    """The hidden ref of a run.

    Raises:
        SourceError: when the id could be another ref's name (git-check-ref-format).
    """
    if not _RUN_ID.fullmatch(run_id) or run_id.endswith(".lock"):
        raise SourceError(f"{run_id!r} cannot name a run in git")
    return PREFIX + run_id


def keep(place: Repo | Path, run_id: str, commit: str) -> None:
    """Keeps a commit, and those of its submodules in their own repositories; again is fine.

    Raises:
        SourceError: the commit, or a submodule's, is not here.
    """
    ref, repo = name(run_id), opened(place)
    for _, inner, snapshot in modules.every(
        repo, commit_tree.read_commit(repo, resolve(repo, commit))
    ):
        inner.git.out("update-ref", "--end-of-options", ref, snapshot.commit)


def keep_all(place: Repo | Path, commits: Mapping[str, str]) -> None:
    """As `keep` for the commits of many runs, by run id, with one process for each repository.

    Raises:
        SourceError: one is not here; then none of a repository is kept.
    """
    repo = opened(place)
    lines: dict[Path, tuple[Repo, list[str]]] = {}
    for commit in dict.fromkeys(commits.values()):
        refs = [name(run_id) for run_id, one in commits.items() if one == commit]
        snapshot = commit_tree.read_commit(repo, resolve(repo, commit))
        for _, inner, found in modules.every(repo, snapshot):
            some = lines.setdefault(inner.git_dir, (inner, []))[1]
            some += [f"update {ref} {found.commit}\n" for ref in refs]
    for inner, some in lines.values():
        inner.git.out("update-ref", "--stdin", stdin="".join(some).encode())


def forget(place: Repo | Path, run_id: str) -> None:
    """Lets a commit go, and those of its submodules; absent is fine.

    Raises:
        SourceError: the ref is there and cannot be removed.
    """
    ref, repo = name(run_id), opened(place)
    commit = kept(repo).get(run_id)
    if commit is None:
        return
    for inner in _places(repo, commit):
        inner.git.out("update-ref", "-d", "--end-of-options", ref)


def _places(repo: Repo, commit: str) -> list[Repo]:
    """Repositories to forget in: submodules first where they can still be found, then the
    repository itself.
    """
    try:
        found = [
            inner for _, inner, _ in modules.every(repo, commit_tree.read_commit(repo, commit))
        ]
    except SourceError:
        found = [repo]
    return found[::-1]


def kept(place: Repo | Path) -> dict[str, str]:
    """Run id to commit, for all hidden refs."""
    said = (
        opened(place)
        .git.out("for-each-ref", "--format=%(objectname) %(refname)", PREFIX)
        .decode("utf-8", "replace")
    )
    pairs = (line.partition(" ") for line in said.splitlines())
    return {ref.removeprefix(PREFIX): commit for commit, _, ref in pairs}
