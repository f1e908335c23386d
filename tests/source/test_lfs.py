"""Git LFS: content is part of the code, or the run is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from lfs_work import CONTENT, POINTER, stored

from reprobox.errors import SourceError
from reprobox.source.clean_check import check
from reprobox.source.export_tree import export
from reprobox.source.lfs import pointer
from reprobox.source.snapshot import snapshot


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


def test_what_is_a_pointer() -> None:
    assert pointer(POINTER) is not None
    assert pointer(POINTER.replace(b"size", b"sise")) is None
    assert pointer(b"x" + POINTER) is None
    assert pointer(POINTER + b"x" * 1024) is None
    assert pointer(POINTER.replace(b"oid sha256:", b"oid sha256:../")) is None
