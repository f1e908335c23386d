"""Where a run's commit is: in the user's repository, or in the store's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from image_world import Talk

from reprobox.context import Context
from reprobox.executor import commits


def git(top: Path, *words: str) -> str:
    argv = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(argv, cwd=top, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    git(place, "init", "-q")
    return place


def test_a_repository_without_a_commit_begins_here_unless_something_is_staged(top: Path) -> None:
    assert commits.begins_here(top)
    (top / "a").write_text("x")
    git(top, "add", "a")
    assert not commits.begins_here(top)
    (top / "a").unlink()
    assert commits.begins_here(top)  # as an import that died leaves it
    (top / "a").write_text("x")
    git(top, "commit", "-q", "-m", "first")
    assert not commits.begins_here(top)


def test_a_commit_is_looked_for_in_both_repositories(top: Path) -> None:
    git(top, "commit", "-q", "--allow-empty", "-m", "own")
    own = git(top, "rev-parse", "HEAD")
    context = Context(start=top, progress=Talk())
    assert commits.holder(context, own) is context.repo
    assert commits.holder(context, "0" * 40) is context.repo
    imported = context.runs.root / commits.CODE
    imported.mkdir(parents=True)
    git(imported, "init", "-q", "--bare")
    tree = git(imported, "hash-object", "-t", "tree", "-w", "/dev/null")
    foreign = git(imported, "commit-tree", tree, "-m", "foreign")
    assert commits.holder(context, foreign) is context.repo_at(imported)
    code = commits.Code(top=top, root=context.runs.root, fresh=False)
    assert [code.has(one) for one in (own, foreign, "0" * 40)] == [True, True, False]


def test_without_any_repository_no_commit_is_there(tmp_path: Path) -> None:
    assert not commits.Code(top=tmp_path, root=tmp_path / ".reprobox", fresh=True).has("0" * 40)
