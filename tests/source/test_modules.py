"""Submodules and LFS content: they are part of the code, or the run is refused."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from reprobox.errors import DirtyTree, HashMismatch, SourceError
from reprobox.source.clean_check import check
from reprobox.source.commit_pack import import_pack, pack
from reprobox.source.export_tree import export
from reprobox.source.lfs import pointer, stored_at
from reprobox.source.lfs_transfer import import_lfs, lfs_file, lfs_objects
from reprobox.source.pin import pin
from reprobox.source.refs import forget, keep
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


CONTENT = b"weights " * 1000
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(CONTENT).hexdigest()}\nsize {len(CONTENT)}\n".encode()


@pytest.fixture
def lfs_work(work):
    """A repository as git-lfs leaves it: the pointer in the commit, the content in the work tree
    and below .git/lfs.
    """
    work.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    blob = work.git("hash-object", "-w", "--no-filters", "--stdin", stdin=POINTER)
    work.git("add", ".gitattributes")
    work.git("update-index", "--add", "--cacheinfo", f"100644,{blob},model.bin")
    work.git("commit", "-q", "-m", "with content elsewhere")
    work.write("model.bin", CONTENT)
    path = stored_at(work.top / ".git", hashlib.sha256(CONTENT).hexdigest())
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return work


def stored(work) -> Path:
    return stored_at(work.top / ".git", hashlib.sha256(CONTENT).hexdigest())


def test_lfs_content_is_clean_and_exported(lfs_work, tmp_path: Path) -> None:
    assert check(lfs_work.top) == []
    done = {item.path: item for item in export(lfs_work.top, "HEAD", tmp_path / "out")}
    assert (tmp_path / "out/model.bin").read_bytes() == CONTENT
    assert done["model.bin"].size == len(CONTENT)
    assert done["model.bin"].sha256 == "sha256:" + hashlib.sha256(CONTENT).hexdigest()


def test_a_pointer_without_content(lfs_work, tmp_path: Path) -> None:
    lfs_work.write("model.bin", POINTER)
    assert check(lfs_work.top) == ["LFS pointer without content: model.bin"]
    with pytest.raises(SourceError, match="cannot hold") as refused:
        snapshot(lfs_work.top, "run-1")
    assert refused.value.next_step == "git lfs pull"


def test_changed_content_and_content_that_is_not_kept(lfs_work, tmp_path: Path) -> None:
    lfs_work.write("model.bin", CONTENT[:-1] + b"x")
    assert check(lfs_work.top) == ["modified: model.bin"]
    source = snapshot(lfs_work.top, "run-1")
    export(lfs_work.top, source.commit, tmp_path / "snapshot")
    assert (tmp_path / "snapshot/model.bin").read_bytes() == CONTENT[:-1] + b"x"
    lfs_work.write("model.bin", CONTENT)
    stored(lfs_work).write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(SourceError, match="is damaged"):
        export(lfs_work.top, "HEAD", tmp_path / "out")
    stored(lfs_work).unlink()
    assert check(lfs_work.top) == ["LFS content not in .git/lfs: model.bin"]
    with pytest.raises(SourceError, match="was not fetched"):
        export(lfs_work.top, "HEAD", tmp_path / "out2")


def test_lfs_content_travels_beside_the_pack(lfs_work, tmp_path: Path) -> None:
    bare, commit = tmp_path / "bare", lfs_work.git("rev-parse", "HEAD")
    import_pack(bare, pack(lfs_work.top, commit), commit)
    with pytest.raises(SourceError, match="was not fetched"):
        export(bare, commit, tmp_path / "early")
    (item,) = lfs_objects(lfs_work.top, commit)
    assert (item.path, item.size) == ("model.bin", len(CONTENT))
    file = lfs_file(lfs_work.top, commit, item)
    with pytest.raises(HashMismatch):
        import_lfs(bare, lfs_work.top / "train.py", item.digest)
    import_lfs(bare, file, item.digest)
    import_lfs(bare, file, item.digest)
    assert export(bare, commit, tmp_path / "a") == export(lfs_work.top, commit, tmp_path / "b")


def test_what_is_a_pointer() -> None:
    assert pointer(POINTER) is not None
    assert pointer(POINTER.replace(b"size", b"sise")) is None
    assert pointer(b"x" + POINTER) is None
    assert pointer(POINTER + b"x" * 1024) is None
    assert pointer(POINTER.replace(b"oid sha256:", b"oid sha256:../")) is None
