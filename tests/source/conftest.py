"""Real repositories in temporary directories."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lfs_work import CONTENT, POINTER

from reprobox.source.lfs import stored_at


class Work:
    """A work tree with shortcuts; git runs with the test's own, empty configuration."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def git(self, *args: str | bytes, stdin: bytes | None = None, check: bool = True) -> str:
        done = subprocess.run(
            ["git", *args],
            cwd=self.top,
            input=stdin or b"",
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert not check or done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, name: str | bytes, data: str | bytes = "") -> Path:
        path = Path(os.fsdecode(os.path.join(os.fsencode(self.top), os.fsencode(name))))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def commit(self, message: str = "change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    config = tmp_path / "gitconfig"
    config.write_text(
        "[user]\n name = Ada\n email = ada@example.org\n[init]\n defaultBranch = main\n"
        '[protocol "file"]\n allow = always\n[advice]\n detachedHead = false\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Work]:
    """Makes a repository, without a commit, at a name below the temporary directory."""

    def made(name: str = "repo", *options: str) -> Work:
        work = Work(tmp_path / name)
        work.top.mkdir(parents=True)
        work.git("init", "-q", *options)
        return work

    return made


@pytest.fixture
def work(make: Callable[..., Work]) -> Work:
    """A repository with one commit: two files, a program, a link and a directory."""
    work = make()
    work.write("train.py", "print('train')\n")
    work.write("data/a.csv", "1,2\n")
    work.write("run.sh", "#!/bin/sh\n").chmod(0o755)
    (work.top / "link").symlink_to("data/a.csv")
    work.write(".gitignore", "*.tmp\n")
    work.commit("first")
    return work


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
