"""The commit that a run is the run of."""

from __future__ import annotations

import os
from pathlib import Path

from reprobox.errors import DirtyTree
from reprobox.kit import files
from reprobox.kit.regex import regex
from reprobox.kit.units import counted
from reprobox.model.source import Source
from reprobox.source import clean_check, commit_tree, modules
from reprobox.source.remote_urls import chosen
from reprobox.source.repo import Repo, opened, resolve, text

_SHOWN = 20
_BRANCH = regex(rb"ref: refs/heads/([^\n]+)\n")
_LONGEST_HEAD = 4096
_NOT_IN_NAMES = ("~", "^", ":", "@{", "..")
"""What makes a revision more than the name of a ref (gitrevisions, git-check-ref-format)."""


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
    return describe(repo, state.snapshot, hints=state.hints, branch=head_branch(repo))


def pin_commit(repo: Repo, revision: str) -> Source:
    """Any commit as a Source; neither HEAD nor the work tree is looked at.

    Args:
        revision: any name of a commit that git knows.

    Raises:
        SourceError: there is no such commit here, or it is damaged.
    """
    commit = resolve(repo, revision)
    branch = _branch_named(repo, revision, commit)
    return describe(repo, commit_tree.read_commit(repo, commit), hints=[], branch=branch)


def _branch_named(repo: Repo, revision: str, commit: str) -> str | None:
    """The branch that a revision names, whose tip is the commit; None for any other revision."""
    if revision == "HEAD":
        return head_branch(repo)
    name = revision.removeprefix("refs/heads/")
    if any(mark in name for mark in _NOT_IN_NAMES):
        return None
    return name if repo.objects.find(f"refs/heads/{name}", "commit") == commit else None


def describe(
    repo: Repo,
    snapshot: commit_tree.Snapshot,
    *,
    hints: list[bytes],
    branch: str | None,
    snapshotted: bool = False,
) -> Source:
    """A Source for a commit of a repository."""
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


def head_branch(repo: Repo) -> str | None:
    """The branch that HEAD is on; None where it is detached."""
    # gitrepository-layout(5); a repository with reftables says `.invalid` there.
    try:
        written = _BRANCH.fullmatch(files.read_bounded(repo.git_dir / "HEAD", _LONGEST_HEAD))
    except OSError:
        written = None
    if written and written[1] != b".invalid":
        return text(written[1])
    done = repo.git.run("symbolic-ref", "--quiet", "HEAD")
    return text(done.out[:-1]).removeprefix("refs/heads/") if done.ok else None


def _author(repo: Repo) -> str:
    """Who runs, as git would name the author of a commit made now; empty when not configured."""
    name = os.environ.get("GIT_AUTHOR_NAME") or repo.config.get("user.name", "")
    email = os.environ.get("GIT_AUTHOR_EMAIL") or repo.config.get("user.email", "")
    return f"{name} <{email}>".strip() if name or email else ""
