"""The repository that answers programs inside of a run: asked with the real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reprobox.source import answer
from reprobox.source.export_tree import export
from reprobox.source.repo import open_repo

CLEAN = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_AUTHOR_NAME": "A Researcher",
    "GIT_AUTHOR_EMAIL": "a@example.invalid",
    "GIT_COMMITTER_NAME": "A Researcher",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
}


def git(top: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=top, env=CLEAN, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode().strip()


@pytest.fixture(params=["sha1", "sha256"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path, str]:
    """A repository with two commits, and the second laid out as for a run."""
    top = tmp_path / "top"
    top.mkdir()
    git(top, "init", "-q", "-b", "main", f"--object-format={request.param}")
    for number in range(2):
        (top / "deep" / "er").mkdir(parents=True, exist_ok=True)
        (top / "deep" / "er" / "a name with spaces").write_text(str(number))
        (top / "train.py").write_text("print(1)\n")
        (top / "train.py").chmod(0o755)
        if not number:
            (top / "link").symlink_to("train.py")
        git(top, "add", "-A")
        git(top, "commit", "-qm", f"commit {number}\n\nwith a body")
    commit = git(top, "rev-parse", "HEAD")
    work = tmp_path / "work"
    exported = export(top, commit, work)
    answer.make(open_repo(top), commit, exported, work / ".git")
    return top, work, commit


def test_the_commit_is_answered(run: tuple[Path, Path, str]) -> None:
    top, work, commit = run
    assert git(work, "rev-parse", "HEAD") == commit
    assert git(work, "log", "--format=%H %an %s") == f"{commit} A Researcher commit 1"
    assert git(work, "rev-parse", "HEAD^{tree}") == git(top, "rev-parse", "HEAD^{tree}")
    assert git(work, "ls-tree", "-r", "HEAD") == git(top, "ls-tree", "-r", "HEAD")
    assert git(work, "rev-parse", "--show-toplevel") == str(work)


def test_nothing_is_changed_until_something_is(run: tuple[Path, Path, str]) -> None:
    _, work, commit = run
    if len(commit) > 40:
        pytest.skip("an index for SHA-256 is not written")
    assert git(work, "status", "--porcelain") == ""
    # No blob of a file is there: as GitPython and Sacred ask.
    assert git(work, "diff", "--abbrev=40", "--full-index", "--raw") == ""
    assert git(work, "diff", "HEAD", "--stat") == ""
    assert git(work, "ls-files", "-s") != ""
    (work / "train.py").write_text("print(2)\n")
    (work / "out.txt").write_text("x")
    assert git(work, "status", "--porcelain").splitlines() == ["M train.py", "?? out.txt"]


def test_a_config_with_overrides_is_changed_and_can_be_shown(
    run: tuple[Path, Path, str], tmp_path: Path
) -> None:
    top, _, commit = run
    if len(commit) > 40:
        pytest.skip("an index for SHA-256 is not written")
    work = tmp_path / "changed"
    exported = export(top, commit, work)
    (work / "train.py").write_text("print(3)\n")  # as long as it was
    answer.make(open_repo(top), commit, exported, work / ".git", changed="train.py")
    assert git(work, "status", "--porcelain") == "M train.py"
    assert "-print(1)\n+print(3)" in git(work, "diff")


def test_it_is_a_function_of_the_commit(run: tuple[Path, Path, str], tmp_path: Path) -> None:
    top, work, commit = run
    exported = export(top, commit, tmp_path / "exported")
    answer.make(open_repo(top), commit, exported, tmp_path / "again")
    first, again = (
        {path.relative_to(place): path.read_bytes() for path in place.rglob("*") if path.is_file()}
        for place in (work / ".git", tmp_path / "again")
    )
    assert first == again
