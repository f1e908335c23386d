"""Content of Git LFS that is sent with a commit."""

from __future__ import annotations

from pathlib import Path

import pytest
from lfs_work import CONTENT

from reprobox.errors import HashMismatch, SourceError
from reprobox.source.commit_pack import import_pack, pack
from reprobox.source.export_tree import export
from reprobox.source.lfs_transfer import import_lfs, lfs_file, lfs_objects


def test_lfs_content_travels_with_the_pack(lfs_work, tmp_path: Path) -> None:
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
