"""A repository that tries to run programs on the host: nothing fires in anything that reprobox does
with it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reprobox.errors import SourceError
from reprobox.source.clean_check import check
from reprobox.source.commit_pack import import_pack, pack
from reprobox.source.commit_paths import tracked
from reprobox.source.export_tree import export
from reprobox.source.lfs_transfer import lfs_objects
from reprobox.source.pin import pin
from reprobox.source.refs import forget, keep, kept
from reprobox.source.repo import find_top
from reprobox.source.snapshot import snapshot

HOOKS = (
    *(
        "applypatch-msg",
        "commit-msg",
        "fsmonitor-watchman",
        "post-applypatch",
        "post-checkout",
        "post-commit",
        "post-index-change",
    ),
    *(
        "post-merge",
        "post-rewrite",
        "post-update",
        "pre-applypatch",
        "pre-auto-gc",
        "pre-commit",
        "pre-merge-commit",
        "pre-push",
    ),
    *(
        "pre-rebase",
        "pre-receive",
        "prepare-commit-msg",
        "proc-receive",
        "push-to-checkout",
        "reference-transaction",
        "update",
    ),
)
PROGRAMS = (
    *(
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.askPass",
        "core.gitProxy",
        "core.alternateRefsCommand",
    ),
    *(
        "credential.helper",
        "diff.external",
        "diff.evil.command",
        "diff.evil.textconv",
        "merge.evil.driver",
        "gpg.program",
    ),
    *(
        "gpg.ssh.program",
        "gpg.x509.program",
        "gpg.ssh.defaultKeyCommand",
        "filter.evil.clean",
        "filter.evil.smudge",
    ),
    *(
        "filter.lfs.clean",
        "filter.lfs.smudge",
        "filter.lfs.process",
        "filter.a=b.clean",
        "filter.a=b.smudge",
        "interactive.diffFilter",
    ),
    *(
        "uploadpack.packObjectsHook",
        "sequence.editor",
        "tar.tar.command",
        "trailer.evil.cmd",
        "trailer.evil.command",
    ),
    *(
        "pager.ls-files",
        "pager.cat-file",
        "pager.config",
        "man.viewer",
        "browser.evil.cmd",
        "remote.origin.uploadpack",
    ),
    *(
        "alias.rev-parse",
        "alias.ls-files",
        "alias.cat-file",
        "alias.config",
        "submodule.evil.update",
        "core.hookspath.x",
    ),
)


class Trap:
    """A hostile repository and the file that appears when one of its programs runs."""

    def __init__(self, work, outside: Path) -> None:
        self.work, self.fired = work, outside / "fired"
        self.program = outside / "canary"
        self.program.write_text(
            f'#!/bin/sh\necho "$0 $*" >> {self.fired}\ncase "$1" in fetch|sub) exit 1;; esac\ncat\n'
        )
        self.program.chmod(0o755)
        self.pointer = (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 3\n"
        )

    def set(self) -> None:
        work = self.work
        for hook in HOOKS:
            shutil.copy(self.program, work.top / ".git/hooks" / hook)
        for key in PROGRAMS:
            value = (
                f"!{self.program}"
                if key.startswith(("alias.", "submodule."))
                else str(self.program)
            )
            work.git("config", key, value)
        work.git(
            "config",
            "core.attributesFile",
            str(work.write(".git/attributes", "* filter=evil diff=evil merge=evil\n")),
        )
        work.write(".git/info/attributes", "*.py filter=evil\n*.lfs filter=lfs\n*.odd filter=a=b\n")
        work.git("config", "commit.gpgSign", "true")
        work.git("config", "log.showSignature", "true")
        work.git(
            "config",
            "include.path",
            str(work.write(".git/more", f"[core]\n\tfsmonitor = {self.program}\n")),
        )

    def all_quiet(self) -> bool:
        return not self.fired.exists()


@pytest.fixture
def trap(work, tmp_path: Path) -> Trap:
    trap = Trap(work, tmp_path)
    work.write("a.odd", "odd\n")
    work.write("a.lfs", "was content\n")
    work.write(".gitattributes", "*.odd filter=a=b\n*.csv text eol=crlf ident\n")
    work.commit()
    evil = work.git("hash-object", "-w", "--stdin", stdin=b"evil\n")
    work.git("replace", work.git("rev-parse", "HEAD:run.sh"), evil)
    trap.set()
    return trap


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("add", "train.py"),
        ("commit", "-q", "--allow-empty", "-m", "x"),
        ("update-ref", "refs/x", "HEAD"),
    ],
)
def test_the_traps_catch_plain_git(trap: Trap, command: tuple[str, ...]) -> None:
    trap.work.write("train.py", "edited\n")
    trap.work.git(*command, check=False)
    assert not trap.all_quiet()


def test_nothing_fires_in_a_clean_tree(trap: Trap, tmp_path: Path) -> None:
    top = find_top(trap.work.top / "data")
    assert check(top) == []
    source = pin(top)
    keep(top, "run-1", source.commit)
    export(top, source.commit, tmp_path / "out")
    import_pack(tmp_path / "bare", pack(top, source.commit), source.commit)
    assert kept(top) == {"run-1": source.commit}
    assert tracked(top, source.commit, "train.py")
    assert lfs_objects(top, source.commit) == ()
    forget(top, "run-1")
    assert trap.all_quiet()


def test_nothing_fires_in_a_tree_that_is_not_clean(trap: Trap, tmp_path: Path) -> None:
    work = trap.work
    for name in ("train.py", "a.odd", "a.lfs", "data/a.csv", "new.py", "new.odd", "new.lfs"):
        work.write(name, "edited\n")
    (work.top / "run.sh").unlink()
    # Clean programs, which git runs at the user's next `git status` too, are another test's.
    for driver in ("evil", "a=b", "lfs"):
        work.git("config", f"filter.{driver}.clean", "")
    work.git("config", "filter.lfs.process", "")
    reasons = check(work.top)
    assert {
        "modified: train.py",
        "modified: a.odd",
        "modified: a.lfs",
        "untracked: new.py",
        "deleted: run.sh",
    } <= set(reasons)
    source = snapshot(work.top, "run-1")
    export(work.top, source.commit, tmp_path / "out")
    assert (tmp_path / "out/new.odd").read_text() == "edited\n"
    assert trap.all_quiet()


def test_a_clean_program_runs_for_files_that_differ_and_nothing_else(trap: Trap) -> None:
    trap.work.write("a.odd", "edited\n")
    trap.work.write("a.lfs", "edited\n")
    trap.fired.unlink(missing_ok=True)
    assert {"modified: a.odd", "modified: a.lfs"} <= set(check(trap.work.top))
    assert trap.fired.read_text() == f"{trap.program} \n"


def test_a_partial_clone_does_not_fetch(trap: Trap, tmp_path: Path) -> None:
    work = trap.work
    work.git("config", "remote.origin.url", f"ext::{trap.program} fetch")
    work.git("config", "remote.origin.promisor", "true")
    work.git("config", "remote.origin.partialCloneFilter", "blob:none")
    work.git("config", "extensions.partialClone", "origin")
    work.git("config", "core.repositoryFormatVersion", "1")
    work.git("config", "protocol.ext.allow", "always")
    oid = work.git("rev-parse", "HEAD:train.py")
    (work.top / ".git/objects" / oid[:2] / oid[2:]).unlink()
    work.git("cat-file", "-p", oid, check=False)
    assert "fetch" in trap.fired.read_text()
    trap.fired.unlink()
    with pytest.raises(SourceError):
        export(work.top, "HEAD", tmp_path / "out")
    with pytest.raises(SourceError):
        list(pack(work.top, "HEAD"))
    assert trap.all_quiet()


def test_submodules_are_never_fetched_and_their_traps_do_not_fire(
    trap: Trap, make, tmp_path: Path
) -> None:
    work = trap.work
    inner = make("inner")
    inner.write("m.py", "m\n")
    commit = inner.commit()
    url = f"ext::{trap.program} sub"
    work.write(
        ".gitmodules",
        f'[submodule "../../up"]\n\tpath = sub\n\turl = {url}\n\tupdate = !{trap.program}\n',
    )
    shutil.rmtree(work.top / ".git/hooks")
    work.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    blob = work.git("hash-object", "-w", "--no-filters", ".gitmodules")
    work.git("update-index", "--add", "--cacheinfo", f"100644,{blob},.gitmodules")
    head = work.git("commit-tree", work.git("write-tree"), "-p", "HEAD", "-m", "sub")
    work.git("update-ref", "HEAD", head)
    trap.fired.unlink(missing_ok=True)
    assert check(work.top) == ["submodule not checked out: sub"]
    with pytest.raises(SourceError, match="not fetched"):
        export(work.top, "HEAD", tmp_path / "out")
    shutil.copytree(inner.top, work.top / "sub")
    Trap(type(work)(work.top / "sub"), tmp_path).set()
    trap.fired.unlink(missing_ok=True)
    assert check(work.top) == []
    export(work.top, "HEAD", tmp_path / "out2")
    assert (tmp_path / "out2/sub/m.py").read_text() == "m\n"
    assert trap.all_quiet()
