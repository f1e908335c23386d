"""What is exported is the commit, byte for byte, whatever the work tree, attributes or other
writers do.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import threading
import zlib
from pathlib import Path

import pytest

from reprobox.errors import SourceError
from reprobox.source.clean_check import check
from reprobox.source.commit_pack import import_pack, pack
from reprobox.source.commit_paths import read
from reprobox.source.export_tree import export
from reprobox.source.pin import pin


def listing(root: Path) -> dict[bytes, tuple[int, bytes]]:
    """Path to mode and bytes (or target) of all files and links."""
    found = {}
    for directory, names, files in os.walk(os.fsencode(root)):
        for name in [
            *files,
            *(name for name in names if os.path.islink(os.path.join(directory, name))),
        ]:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            data = (
                os.readlink(path)
                if stat.S_ISLNK(status.st_mode)
                else Path(os.fsdecode(path)).read_bytes()
            )
            found[os.path.relpath(path, os.fsencode(root))] = (stat.S_IMODE(status.st_mode), data)
    return found


def test_files_programs_links_and_what_is_said_about_them(work, tmp_path: Path) -> None:
    commit = work.git("rev-parse", "HEAD")
    work.write("train.py", "changed since")
    old = os.umask(0o077)
    try:
        done = export(work.top, commit, tmp_path / "out")
    finally:
        os.umask(old)
    assert listing(tmp_path / "out") == {
        b".gitignore": (0o644, b"*.tmp\n"),
        b"data/a.csv": (0o644, b"1,2\n"),
        b"link": (0o777, b"data/a.csv"),
        b"run.sh": (0o755, b"#!/bin/sh\n"),
        b"train.py": (0o644, b"print('train')\n"),
    }
    assert [item.path for item in done] == [
        ".gitignore",
        "data/a.csv",
        "link",
        "run.sh",
        "train.py",
    ]
    by_path = {item.path: item for item in done}
    assert by_path["train.py"].sha256 == "sha256:" + hashlib.sha256(b"print('train')\n").hexdigest()
    assert by_path["link"].kind == "link"
    assert by_path["data/a.csv"].size == 4
    assert stat.S_IMODE((tmp_path / "out/data").stat().st_mode) == 0o755
    when = int(work.git("show", "-s", "--format=%ct", commit))
    assert {
        int(os.lstat(tmp_path / "out" / name).st_mtime)
        for name in ("train.py", "data", "link", ".")
    } == {when}


def test_attributes_do_not_change_the_export(work, tmp_path: Path) -> None:
    work.write(
        ".gitattributes",
        "a.txt ident\nb.txt export-subst\nc.txt export-ignore\nd.txt text eol=crlf\n",
    )
    contents = {
        "a.txt": b"$Id$\n",
        "b.txt": b"$Format:%H$\n",
        "c.txt": b"kept\n",
        "d.txt": b"line\n",
    }
    for name, data in contents.items():
        work.write(name, data)
    commit = work.commit()
    export(work.top, commit, tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in contents} == contents


def test_strange_names_come_back(work, tmp_path: Path) -> None:
    names = [b"with space", b"new\nline", b"-rf", b"\xff\xfe.bin", b"deep/" * 40 + b"x", b"n" * 255]
    for name in names:
        work.write(name, name)
    commit = work.commit()
    done = export(work.top, commit, tmp_path / "out")
    found = listing(tmp_path / "out")
    assert all(found[name] == (0o644, name) for name in names)
    assert {os.fsencode(item.path) for item in done} == set(found)


def test_links_may_lead_anywhere_and_nothing_is_written_through_them(work, tmp_path: Path) -> None:
    (work.top / "etc").symlink_to("/etc")
    (work.top / "up").symlink_to("../../..")
    (work.top / "gone").symlink_to("nothing here")
    export(work.top, work.commit(), tmp_path / "out")
    assert os.readlink(tmp_path / "out/etc") == "/etc"
    assert os.readlink(tmp_path / "out/gone") == "nothing here"


def raw_tree(work, *entries: tuple[str, bytes, str]) -> str:
    """A commit of a tree that git itself would refuse to write."""
    data = b"".join(
        mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries
    )
    tree = work.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=data)
    return work.git("commit-tree", tree, "-m", "hostile")


@pytest.mark.parametrize("name", [b"..", b".", b"", b".git", b".GIT", b"a/b", b"/etc"])
def test_unsafe_names_are_refused(work, tmp_path: Path, name: bytes) -> None:
    blob = work.git("hash-object", "-w", "--stdin", stdin=b"x")
    commit = raw_tree(work, ("100644", name, blob))
    with pytest.raises(SourceError, match="refused"):
        export(work.top, commit, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_both_a_link_and_a_directory_is_refused(work, tmp_path: Path) -> None:
    blob = work.git("hash-object", "-w", "--stdin", stdin=b"/tmp")
    inner = work.git("mktree", stdin=f"100644 blob {blob}\tpwned\n".encode())
    commit = raw_tree(work, ("120000", b"a", blob), ("40000", b"a", inner))
    with pytest.raises(SourceError, match="refused"):
        export(work.top, commit, tmp_path / "out")


def test_a_tree_that_contains_itself_many_times_is_refused(work, tmp_path: Path) -> None:
    oid = work.git("hash-object", "-w", "--stdin", stdin=b"x")
    tree = work.git(
        "mktree", stdin=b"".join(f"100644 blob {oid}\tf{i}\n".encode() for i in range(10))
    )
    for _ in range(9):
        tree = work.git(
            "mktree", stdin=b"".join(f"040000 tree {tree}\td{i}\n".encode() for i in range(10))
        )
    commit = work.git("commit-tree", tree, "-m", "bomb")
    with pytest.raises(SourceError, match="entries"):
        export(work.top, commit, tmp_path / "out")


def overwrite(work, oid: str, kind: bytes, data: bytes) -> None:
    path = work.top / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(kind + b" %d\0" % len(data) + data))


@pytest.mark.parametrize("what", ["blob", "tree", "commit"])
def test_an_object_that_was_overwritten_is_found(work, tmp_path: Path, what: str) -> None:
    commit = work.git("rev-parse", "HEAD")
    name = {"blob": "HEAD:train.py", "tree": "HEAD^{tree}", "commit": "HEAD"}[what]
    oid = work.git("rev-parse", name)
    data = subprocess.run(
        ["git", "cat-file", what, oid], cwd=work.top, capture_output=True, check=True
    ).stdout
    overwrite(
        work, oid, what.encode(), data.replace(b"train", b"drain").replace(b"first", b"worst")
    )
    with pytest.raises(SourceError, match=r"damaged|hash mismatch"):
        export(work.top, commit, tmp_path / "out")


def test_a_missing_object_is_told(work, tmp_path: Path) -> None:
    oid = work.git("rev-parse", "HEAD:train.py")
    (work.top / ".git/objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(SourceError, match="is missing"):
        export(work.top, "HEAD", tmp_path / "out")
    with pytest.raises(SourceError, match="not in"):
        export(work.top, "no-such-commit", tmp_path / "out2")


def test_replacements_are_not_followed(work, tmp_path: Path) -> None:
    evil = work.git("hash-object", "-w", "--stdin", stdin=b"evil\n")
    work.git("replace", work.git("rev-parse", "HEAD:train.py"), evil)
    assert work.git("show", "HEAD:train.py") == "evil"
    export(work.top, "HEAD", tmp_path / "out")
    assert (tmp_path / "out/train.py").read_text() == "print('train')\n"
    assert check(work.top) == []


def test_a_target_that_is_not_empty_is_refused(work, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/there").touch()
    with pytest.raises(SourceError, match="not empty"):
        export(work.top, "HEAD", tmp_path / "out")


def test_an_editor_that_saves_all_the_time_never_gets_in(work, tmp_path: Path) -> None:
    names = [f"src/f{number}.py" for number in range(40)]
    for name in names:
        work.write(name, "clean\n" * 50)
    commit = pin_after_commit(work)
    stop = threading.Event()

    def save() -> None:
        while not stop.is_set():
            for name in names:
                work.write(name, "edited\n" * 50)
                work.write(name, "clean\n" * 50)

    editor = threading.Thread(target=save)
    editor.start()
    try:
        for number in range(20):
            export(work.top, commit, tmp_path / f"out{number}")
    finally:
        stop.set()
        editor.join()
    for number in range(20):
        assert {(tmp_path / f"out{number}" / name).read_text() for name in names} == {
            "clean\n" * 50
        }


def pin_after_commit(work) -> str:
    work.commit()
    return pin(work.top).commit


def test_repositories_with_sha256(make, tmp_path: Path) -> None:
    work = make("modern", "--object-format=sha256")
    work.write("train.py", "print(1)\n")
    work.write("dir/x", "y")
    commit = work.commit()
    assert len(pin(work.top).commit) == 64
    work.write("dir/x", "z")
    assert check(work.top) == ["modified: dir/x"]
    export(work.top, commit, tmp_path / "out")
    assert (tmp_path / "out/dir/x").read_text() == "y"
    import_pack(tmp_path / "bare", pack(work.top, commit), commit)
    export(tmp_path / "bare", commit, tmp_path / "out2")
    assert listing(tmp_path / "out") == listing(tmp_path / "out2")


def test_linked_work_trees(work, tmp_path: Path) -> None:
    work.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    linked = tmp_path / "linked"
    assert pin(linked).branch == "side"
    (linked / "train.py").write_text("changed")
    assert check(linked) == ["modified: train.py"]
    assert check(work.top) == []
    export(linked, "side", tmp_path / "out")
    assert (tmp_path / "out/train.py").read_text() == "print('train')\n"


@pytest.mark.parametrize("left_out", ["blob:none", "tree:0"])
def test_a_partial_clone_names_the_command_that_brings_the_rest(
    work, tmp_path: Path, left_out: str
) -> None:
    work.git("config", "uploadpack.allowFilter", "true")
    work.git("config", "uploadpack.allowAnySHA1InWant", "true")
    clone = tmp_path / "clone"
    url = f"file://{work.top}"
    work.git("clone", "-q", f"--filter={left_out}", "--no-checkout", url, str(clone))
    commit = work.git("rev-parse", "HEAD")
    for attempt in (
        lambda: export(clone, commit, tmp_path / "out"),
        lambda: read(clone, commit, "train.py"),
    ):
        with pytest.raises(SourceError, match="does not have all files") as caught:
            attempt()
    assert "partial clone" in caught.value.why
    assert caught.value.next_step == f"git archive -o /dev/null {commit}"
    subprocess.run(caught.value.next_step.split(), cwd=clone, check=True, capture_output=True)
    assert len(export(clone, commit, tmp_path / "whole")) == 5
