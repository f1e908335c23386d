"""The commit that a run is the run of."""

from __future__ import annotations

import os
from pathlib import Path

from reprobox.errors import DirtyTree
from reprobox.kit.units import counted
from reprobox.model.source import Source
from reprobox.source import clean_check, commit_tree, modules
from reprobox.source.remote_urls import chosen
from reprobox.source.repo import Repo, opened, text

_SHOWN = 20


def pin(place: Repo | Path, *, allow_dirty: bool = False) -> Source:
    """HEAD as a Source.

    Args:
        place: the work tree's repository, or its top.
        allow_dirty: take HEAD whatever the work tree holds.

    Raises:
        DirtyTree: the tree is not the commit; lists why.
        SourceError: git cannot read it, or objects are missing or damaged.
    """
    repo = opened(place)
    state = clean_check.look(repo)
    if state.reasons and not allow_dirty:
        raise _dirty(state.reasons)
    return describe(repo, state.snapshot, hints=state.hints)


def describe(
    repo: Repo, snapshot: commit_tree.Snapshot, *, hints: list[bytes], snapshotted: bool = False
) -> Source:
    """A Source for a commit of a repository."""
    branch = _branch(repo)
    return Source(
        commit=snapshot.commit,
        tree=snapshot.tree,
        commit_time=snapshot.time,
        branch=branch,
        remote=chosen(repo.config, branch),
        author=_author(repo),
        snapshot=snapshotted,
        submodules={text(module.path): module.commit for module in modules.of(repo, snapshot)},
        ignored_hints=tuple(text(path) for path in hints),
    )


def _dirty(reasons: list[clean_check.Reason]) -> DirtyTree:
    shown = [str(reason) for reason in reasons[:_SHOWN]]
    if len(reasons) > _SHOWN:
        shown.append(f"and {len(reasons) - _SHOWN} more")
    cures = clean_check.cures(reasons)
    if not all(clean_check.cures([reason]) for reason in reasons):
        cures.append(
            "git commit what belongs to the experiment and ignore the rest (.gitignore), or add "
            "--snapshot, which records the tree as it is and changes nothing"
        )
    return DirtyTree(
        f"the work tree is not the commit, for {counted(len(reasons), 'reason')}",
        why="\n".join(shown),
        next_step=", then ".join(cures),
    )


def _branch(repo: Repo) -> str | None:
    done = repo.git.run("symbolic-ref", "--quiet", "HEAD")
    return text(done.out[:-1]).removeprefix("refs/heads/") if done.ok else None


def _author(repo: Repo) -> str:
    """Who runs, as git would name the author of a commit made now; empty when not configured."""
    name = os.environ.get("GIT_AUTHOR_NAME") or repo.config.get("user.name", "")
    email = os.environ.get("GIT_AUTHOR_EMAIL") or repo.config.get("user.email", "")
    return f"{name} <{email}>".strip() if name or email else ""
