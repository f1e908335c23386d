"""A pack of one commit, that is whole or refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reprobox.errors import SourceError
from reprobox.source.commit_pack import import_pack, pack
from reprobox.source.export_tree import export


def test_a_pack_holds_one_commit_and_survives_nothing_being_there(work, tmp_path: Path) -> None:
    work.write("train.py", "print('second')\n")
    commit = work.commit("second")
    bare = tmp_path / "bare"
    import_pack(bare, pack(work.top, commit), commit)
    import_pack(bare, pack(work.top, commit), commit)
    done = export(bare, commit, tmp_path / "out")
    assert done == export(work.top, commit, tmp_path / "again")
    objects = subprocess.run(
        ["git", "--git-dir", bare, "cat-file", "--batch-all-objects", "--batch-check"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert objects.count(" commit ") == 1
    fsck = subprocess.run(
        ["git", "--git-dir", bare, "fsck", "--full", "--strict"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert fsck.returncode == 0, fsck.stderr


def test_a_pack_that_is_cut_changed_or_of_another_commit_is_refused(work, tmp_path: Path) -> None:
    first = work.git("rev-parse", "HEAD")
    work.write("train.py", "print('second')\n")
    second = work.commit("second")
    data = b"".join(pack(work.top, second))
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    for number, (stream, commit) in enumerate(
        [(data[:-30], second), (bytes(flipped), second), (data, first), (b"", second)]
    ):
        with pytest.raises(SourceError):
            import_pack(tmp_path / f"bare{number}", [stream], commit)
    with pytest.raises(SourceError, match="full name"):
        import_pack(tmp_path / "bare", [data], "HEAD")
