"""What `export` writes, against another reader of git's files: GitPython's object database, which
is Python and not git.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import git
import pytest

from reprobox.source.export_tree import export
from reprobox.source.pin import pin


# GitPython warns that this back end is slow; it is used because it shares no code with git.
@pytest.mark.filterwarnings("ignore:GitDB is deprecated:DeprecationWarning")
def test_the_export_is_what_a_second_reader_sees(tmp_path: Path) -> None:
    repo = git.Repo.init(tmp_path / "work tree")
    top = Path(repo.working_dir)
    with repo.config_writer() as config:
        config.set_value("user", "name", "A Researcher")
        config.set_value("user", "email", "a@example.invalid")
    (top / "pack age").mkdir()
    for number in range(50):
        (top / "pack age" / f"{number}.txt").write_text("line\n" * number)
    (top / "run.sh").write_text("#!/bin/sh\n")
    (top / "run.sh").chmod(0o755)
    repo.git.add("--all")
    repo.git.commit("-q", "-m", "packed")
    repo.git.repack("-a", "-d", "-q")
    (top / "loose.bin").write_bytes(bytes(range(256)) * 40)
    repo.git.add("--all")
    repo.git.commit("-q", "-m", "packed and loose")
    source = pin(top)
    commit = git.Repo(top, odbt=git.GitDB).head.commit
    assert (source.commit, source.tree, source.commit_time) == (
        commit.hexsha,
        commit.tree.hexsha,
        commit.committed_date,
    )
    seen = {
        str(blob.path): (
            f"sha256:{hashlib.sha256(blob.data_stream.read()).hexdigest()}",
            bool(blob.mode & 0o100),
        )
        for blob in commit.tree.traverse()
        if blob.type == "blob"
    }
    exported = export(top, source.commit, tmp_path / "exported")
    assert {item.path: (item.sha256, bool(item.mode & 0o100)) for item in exported} == seen
    repo.close()
