"""Snapshots and hidden refs: the whole state is kept, and nothing of the user's moves."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from reprobox.errors import SourceError
from reprobox.source.clean_check import check
from reprobox.source.export_tree import export
from reprobox.source.pin import pin
from reprobox.source.refs import forget, keep, kept, name
from reprobox.source.snapshot import snapshot


def untouched(work) -> dict[str, str]:
    """What a snapshot must leave alone: index, HEAD, branches, work tree (names, bytes, times)."""
    found = {
        "status": work.git("status", "--porcelain", "--ignored"),
        "head": work.git("rev-parse", "HEAD"),
    }
    found["branches"] = work.git("for-each-ref", "refs/heads", "refs/tags", "refs/stash")
    found["index"] = hashlib.sha256((work.top / ".git/index").read_bytes()).hexdigest()
    for path in sorted(work.top.rglob("*")):
        if ".git" not in path.parts and not path.is_dir():
            status = path.lstat()
            found[str(path)] = (
                f"{status.st_mtime_ns} {status.st_size} {status.st_mode} {status.st_ino}"
            )
    return found


def test_a_snapshot_holds_the_whole_state_and_touches_nothing(work, tmp_path: Path) -> None:
    work.write("train.py", "print('edited')\n")
    work.write("staged.py", "staged\n")
    work.git("add", "staged.py")
    work.write("staged.py", "edited after staging\n")
    work.write(b'odd \xff\n"name', "odd")
    work.write("new/tool.sh", "#!/bin/sh\n").chmod(0o755)
    (work.top / "new/link").symlink_to("tool.sh")
    (work.top / "data/a.csv").unlink()
    work.write("ignored.tmp", "secret")
    work.write("empty", "")
    before = untouched(work)
    source = snapshot(work.top, "run-1")
    assert untouched(work) == before
    assert source.snapshot
    assert source.branch == "main"
    assert kept(work.top) == {"run-1": source.commit}
    assert work.git("rev-parse", f"{source.commit}^") == work.git("rev-parse", "HEAD")
    done = {item.path: item for item in export(work.top, source.commit, tmp_path / "out")}
    assert set(done) == {
        *(
            ".gitignore",
            "link",
            "run.sh",
            "train.py",
            "staged.py",
            "new/tool.sh",
            "new/link",
            "empty",
        ),
        os.fsdecode(b'odd \xff\n"name'),
    }
    assert (tmp_path / "out/train.py").read_text() == "print('edited')\n"
    assert (tmp_path / "out/staged.py").read_text() == "edited after staging\n"
    assert done["new/tool.sh"].mode == 0o755
    assert os.readlink(tmp_path / "out/new/link") == "tool.sh"


def test_the_same_state_gives_the_same_commit(work) -> None:
    work.write("train.py", "print('edited')\n")
    first = snapshot(work.top, "run-1")
    assert snapshot(work.top, "run-2").commit == first.commit
    work.write("train.py", "print('edited again')\n")
    assert snapshot(work.top, "run-3").commit != first.commit


def test_a_clean_tree_gives_its_own_commit(work) -> None:
    source = snapshot(work.top, "run-1")
    assert (source.commit, source.snapshot) == (work.git("rev-parse", "HEAD"), False)
    assert kept(work.top) == {"run-1": source.commit}


def test_files_and_directories_change_places(work, tmp_path: Path) -> None:
    (work.top / "train.py").unlink()
    work.write("train.py/inner", "file became directory")
    (work.top / "data/a.csv").unlink()
    (work.top / "data").rmdir()
    work.write("data", "directory became file")
    (work.top / "run.sh").unlink()
    (work.top / "run.sh").mkdir()
    export(work.top, snapshot(work.top, "run-1").commit, tmp_path / "out")
    assert (tmp_path / "out/train.py/inner").read_text() == "file became directory"
    assert (tmp_path / "out/data").read_text() == "directory became file"
    assert not (tmp_path / "out/run.sh").exists()


def test_a_directory_that_became_a_link(work, tmp_path: Path) -> None:
    (work.top / "data").rename(tmp_path / "elsewhere")
    (work.top / "data").symlink_to(tmp_path / "elsewhere")
    export(work.top, snapshot(work.top, "run-1").commit, tmp_path / "out")
    assert os.readlink(tmp_path / "out/data") == str(tmp_path / "elsewhere")


def test_conflicts_are_stored_as_they_stand(work, tmp_path: Path) -> None:
    work.git("checkout", "-q", "-b", "other")
    work.write("train.py", "theirs\n")
    work.commit()
    work.git("checkout", "-q", "main")
    work.write("train.py", "ours\n")
    work.commit()
    work.git("merge", "other", check=False)
    export(work.top, snapshot(work.top, "run-1").commit, tmp_path / "out")
    assert (tmp_path / "out/train.py").read_text() == (work.top / "train.py").read_text()
    assert "<<<<<<<" in (tmp_path / "out/train.py").read_text()


def test_a_repository_inside_and_a_device_are_refused(work, make) -> None:
    inner = make("repo/inner")
    inner.write("a")
    inner.commit()
    with pytest.raises(SourceError, match="repository inside"):
        snapshot(work.top, "run-1")
    assert kept(work.top) == {}


def test_a_kept_commit_survives_its_branch_and_gc(work, tmp_path: Path) -> None:
    work.git("checkout", "-q", "-b", "side")
    work.write("train.py", "side\n")
    commit = work.commit()
    keep(work.top, "run-1", commit)
    keep(work.top, "run-1", commit)
    work.git("checkout", "-q", "main")
    work.git("branch", "-q", "-D", "side")
    work.git("reflog", "expire", "--expire=now", "--all")
    work.git("gc", "-q", "--prune=now")
    export(work.top, commit, tmp_path / "out")
    forget(work.top, "run-1")
    forget(work.top, "run-1")
    work.git("gc", "-q", "--prune=now")
    with pytest.raises(SourceError, match="not in"):
        export(work.top, commit, tmp_path / "out2")


@pytest.mark.parametrize(
    "bad", ["", "-x", "a..b", "a/b", "../heads/main", "a.lock", "a b", "a\n", ".a", "a."]
)
def test_run_ids_that_could_be_other_refs(bad: str) -> None:
    with pytest.raises(SourceError):
        name(bad)


def test_who_where_and_from(work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.git("remote", "add", "origin", "https://ada:secret@git.example/ada/x.git?token=1")
    source = pin(work.top)
    assert source.remote == "https://git.example/ada/x.git"
    assert source.author == "Ada <ada@example.org>"
    assert source.branch == "main"
    assert source.commit_time == int(work.git("show", "-s", "--format=%ct"))
    assert source.tree == work.git("rev-parse", "HEAD^{tree}")
    work.git("checkout", "-q", "--detach")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Grace")
    assert pin(work.top).branch is None
    assert pin(work.top).author == "Grace <ada@example.org>"
    assert check(work.top) == []
