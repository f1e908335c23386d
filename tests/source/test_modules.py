"""Submodules and LFS content: they are part of the code, or the run is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reprobox.errors import DirtyTree, SourceError
from reprobox.source.clean_check import check
from reprobox.source.commit_pack import import_pack, pack
from reprobox.source.export_tree import export
from reprobox.source.pin import pin
from reprobox.source.refs import forget, keep, keep_all, kept
from reprobox.source.snapshot import snapshot


@pytest.fixture
def nested(make, work):
    """A repository with a submodule that has a submodule, all checked out."""
    deepest = make("deepest")
    deepest.write("deep.py", "deep\n")
    deepest.commit()
    middle = make("middle")
    middle.write("mid.py", "mid\n")
    middle.git("submodule", "add", "-q", str(deepest.top), "third party/deep")
    middle.commit()
    work.git("submodule", "add", "-q", str(middle.top), "libs/mid")
    work.git("submodule", "update", "-q", "--init", "--recursive")
    work.commit("with submodules")
    return work


def test_clean_submodules_are_exported(nested, tmp_path: Path) -> None:
    source = pin(nested.top)
    assert list(source.submodules) == ["libs/mid"]
    done = {item.path for item in export(nested.top, source.commit, tmp_path / "out")}
    assert {"libs/mid/mid.py", "libs/mid/third party/deep/deep.py", "train.py"} <= done
    assert (tmp_path / "out/libs/mid/third party/deep/deep.py").read_text() == "deep\n"


def test_states_of_submodules(nested, make) -> None:
    inside = type(nested)(nested.top / "libs/mid")
    inside.write("mid.py", "edited\n")
    inside.write("third party/deep/new.py", "new\n")
    assert check(nested.top) == [
        "modified: libs/mid/mid.py",
        "untracked: libs/mid/third party/deep/new.py",
    ]
    inside.git("checkout", "mid.py")
    (inside.top / "third party/deep/new.py").unlink()
    inside.git("commit", "-q", "--allow-empty", "-m", "moved")
    assert [reason.split(" to ")[0] for reason in check(nested.top)] == ["submodule moved"]
    inside.git("checkout", "-q", "HEAD~1")
    assert check(nested.top) == []
    nested.git("submodule", "deinit", "-q", "-f", "libs/mid")
    assert check(nested.top) == ["submodule not checked out: libs/mid"]
    with pytest.raises(DirtyTree) as refused:
        pin(nested.top)
    assert refused.value.next_step == "git submodule update --init --recursive"
    nested.write("new.py")
    with pytest.raises(DirtyTree) as refused:
        pin(nested.top)
    assert refused.value.next_step.startswith(
        "git submodule update --init --recursive, then git commit"
    )


def test_export_finds_submodules_that_are_no_longer_checked_out(nested, tmp_path: Path) -> None:
    commit = pin(nested.top).commit
    nested.git("rm", "-q", "-f", "libs/mid")
    nested.commit("without")
    export(nested.top, commit, tmp_path / "out")
    assert (tmp_path / "out/libs/mid/third party/deep/deep.py").exists()
    shutil.rmtree(nested.top / ".git/modules")
    with pytest.raises(SourceError, match="not fetched"):
        export(nested.top, commit, tmp_path / "out2")


def test_a_pack_carries_submodules(nested, tmp_path: Path) -> None:
    commit = pin(nested.top).commit
    import_pack(tmp_path / "bare", pack(nested.top, commit), commit)
    assert export(tmp_path / "bare", commit, tmp_path / "a") == export(
        nested.top, commit, tmp_path / "b"
    )


def test_keep_reaches_into_submodules(nested, tmp_path: Path) -> None:
    inside = type(nested)(nested.top / "libs/mid")
    inside.write("mid.py", "only here\n")
    inside.commit()
    commit = nested.commit("moved")
    keep(nested.top, "run-1", commit)
    inside.git("checkout", "-q", "--detach", "HEAD~1")
    inside.git("branch", "-q", "-D", "main", check=False)
    for work in (nested, inside):
        work.git("reflog", "expire", "--expire=now", "--all")
        work.git("gc", "-q", "--prune=now")
    export(nested.top, commit, tmp_path / "out")
    assert (tmp_path / "out/libs/mid/mid.py").read_text() == "only here\n"
    forget(nested.top, "run-1")
    assert inside.git("for-each-ref", "refs/reprobox") == ""


def test_a_snapshot_takes_submodules_as_they_are(nested, tmp_path: Path) -> None:
    nested.write("libs/mid/third party/deep/deep.py", "edited deep\n")
    head = nested.git("-C", "libs/mid", "rev-parse", "HEAD")
    source = snapshot(nested.top, "run-1")
    assert nested.git("-C", "libs/mid", "rev-parse", "HEAD") == head
    export(nested.top, source.commit, tmp_path / "out")
    assert (tmp_path / "out/libs/mid/third party/deep/deep.py").read_text() == "edited deep\n"


def test_the_commits_of_many_runs_are_kept_as_that_of_one(nested) -> None:
    first = nested.git("rev-parse", "HEAD")
    nested.write("train.py", "later\n")
    second = nested.commit()
    keep_all(nested.top, {"run-1": first, "run-2": second, "run-3": first})
    assert kept(nested.top) == {"run-1": first, "run-2": second, "run-3": first}
    for folder in ("libs/mid", "libs/mid/third party/deep"):
        inside = type(nested)(nested.top / folder)
        assert kept(inside.top) == dict.fromkeys(
            ("run-1", "run-2", "run-3"), inside.git("rev-parse", "HEAD")
        )
    keep_all(nested.top, {"run-1": first})  # again is fine
    keep_all(nested.top, {})
    with pytest.raises(SourceError):
        keep_all(nested.top, {"run-4": "0" * 40})
    with pytest.raises(SourceError, match="cannot name a run"):
        keep_all(nested.top, {"../heads/x": first})
    for run in ("run-1", "run-2", "run-3"):
        forget(nested.top, run)
    assert kept(nested.top) == {}
