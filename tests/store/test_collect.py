from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path

import pytest

from reprobox.errors import StoreError
from reprobox.kit import canon
from reprobox.model.outcome import OutputFile
from reprobox.store.collect import MAX_DEPTH, Collected, collect
from reprobox.store.output_manifest import outputs_manifest, read_manifest


@pytest.fixture
def work(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


def paths(found: Collected) -> list[str]:
    return [file.path for file in found.outputs]


def digest(data: bytes) -> str:
    return canon.digest_bytes(data)


def test_only_what_changed_is_an_output(work: Path, kept: Path) -> None:
    exported = {
        "same": ("file", 0o644, digest(b"same")),
        "edited": ("file", 0o644, digest(b"old!")),
        "made executable": ("file", 0o100644, digest(b"x")),
        "deleted": ("file", 0o644, digest(b"x")),
        "link": ("link", 0o120000, digest(b"same")),
        "turned": ("link", 0o120000, digest(b"same")),
        "became file": ("link", 0o120000, digest(b"same")),
    }
    for name, data in {
        "same": b"same",
        "edited": b"new!",
        "made executable": b"x",
        "became file": b"same",
    }.items():
        (work / name).write_bytes(data)
        os.utime(work / name, (1, 1))
    (work / "made executable").chmod(0o755)
    (work / "link").symlink_to("same")
    (work / "turned").symlink_to("edited")
    (work / "sub" / "deep").mkdir(parents=True)
    (work / "sub" / "deep" / "new").write_bytes(b"12345")
    found = collect(work, exported, (), kept)
    assert paths(found) == ["became file", "edited", "made executable", "sub/deep/new", "turned"]
    assert found.deleted == ("deleted",)
    assert found.refused == ()
    assert found.outputs[3] == OutputFile(
        path="sub/deep/new", kind="file", size=5, mode=0o644, sha256=digest(b"12345")
    )
    assert (kept / "sub/deep/new").read_bytes() == b"12345"
    assert (work / "same").exists()


def test_what_was_not_looked_at_is_not_called_deleted(work: Path, kept: Path) -> None:
    exported = {
        name: ("file", 0o644, digest(b"x"))
        for name in ("data/a", "data/deep/b", "input", "database", "deep/c")
    }
    (work / "data").mkdir()
    (work / "input").touch()
    deep = work / "/".join(["deep"] * (MAX_DEPTH + 2))
    deep.mkdir(parents=True)
    found = collect(work, exported, ("data", "input"), kept)
    assert found.deleted == ("database", "deep/c")
    exported = {"/".join(["deep"] * (MAX_DEPTH + 2)) + "/c": ("file", 0o644, digest(b"x"))}
    found = collect(work, exported, (), kept)
    assert (len(found.refused), found.deleted) == (1, ())


def test_links_are_text_and_never_followed(work: Path, kept: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_bytes(b"private")
    for name, target in {
        "out": str(secret),
        "up": "../secret/key",
        "loop": "loop",
        "abs": "/etc/shadow",
    }.items():
        (work / name).symlink_to(target)
    found = collect(work, {}, (), kept)
    assert paths(found) == ["abs", "loop", "out", "up"]
    assert {file.kind for file in found.outputs} == {"link"}
    assert found.outputs[2].sha256 == digest(os.fsencode(secret))
    assert os.readlink(kept / "up") == "../secret/key"
    assert (secret / "key").read_bytes() == b"private"


def test_special_files_are_refused_by_name(
    work: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(work / "fifo")
    monkeypatch.chdir(work)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        expected = ["fifo: fifo", "socket: socket"]
        if os.geteuid() == 0:
            os.mknod(work / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
            os.mknod(work / "disk", stat.S_IFBLK | 0o666, os.makedev(7, 250))
            expected += ["null: character device", "disk: block device"]
        found = collect(work, {}, (), kept)
    assert found.outputs == ()
    assert found.refused == tuple(sorted(expected))
    assert os.listdir(kept) == []


def test_set_id_bits_are_stripped_and_unreadable_files_read(work: Path, kept: Path) -> None:
    for name, mode in {
        "suid": 0o6755,
        "none": 0o000,
        "sticky": 0o1644,
        "write only": 0o4200,
    }.items():
        (work / name).write_bytes(name.encode())
        (work / name).chmod(mode)
    found = collect(work, {}, (), kept)
    assert {file.path: file.mode for file in found.outputs} == {
        "suid": 0o755,
        "none": 0o400,
        "sticky": 0o644,
        "write only": 0o600,
    }
    for file in found.outputs:
        assert stat.S_IMODE((kept / file.path).stat().st_mode) == file.mode


def test_directories_without_permissions_are_entered(work: Path, kept: Path) -> None:
    locked = work / "a" / "locked"
    locked.mkdir(parents=True)
    (locked / "file").write_bytes(b"x")
    locked.chmod(0)
    (work / "a").chmod(0o500)
    assert paths(collect(work, {}, (), kept)) == ["a/locked/file"]


def test_empty_directories_are_outputs_and_mount_points_are_not(work: Path, kept: Path) -> None:
    (work / "empty").mkdir()
    (work / "data").mkdir()
    (work / "data" / "train.csv").write_bytes(b"")
    (work / "tree" / "below").mkdir(parents=True)
    (work / "tree" / "below" / "x").write_bytes(b"x")
    found = collect(work, {}, ("data/train.csv", "/tree"), kept)
    assert [(file.path, file.kind) for file in found.outputs] == [("empty", "dir")]


def test_hard_links_are_collected_under_each_name(work: Path, kept: Path) -> None:
    (work / "one").write_bytes(b"x")
    os.link(work / "one", work / "two")
    found = collect(work, {}, (), kept)
    assert paths(found) == ["one", "two"]
    assert found.outputs[0].sha256 == found.outputs[1].sha256


def test_names_are_bytes(work: Path, kept: Path) -> None:
    names = [
        b"new\nline",
        b"\xff\xfe",
        b" ",
        b"-rf",
        b"\x1b[31m",
        b"tab\t",
        b'"quote"',
        b"x" * 255,
        "ü".encode(),
        b"\x80a",
    ]
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(work), name))).write_bytes(name)
    found = collect(work, {}, (), kept)
    assert [os.fsencode(file.path) for file in found.outputs] == sorted(names)
    assert read_manifest(outputs_manifest(found.outputs)) == found.outputs


def test_collecting_again_after_a_death_gives_the_same(work: Path, kept: Path) -> None:
    def fill(root: Path) -> dict[str, tuple[str, int, str]]:
        (root / "a" / "b").mkdir(parents=True)
        (root / "empty").mkdir()
        for name in ("a/b/1", "a/b/2", "a/3", "4", "tracked"):
            (root / name).write_bytes(name.encode())
        (root / "5").symlink_to("4")
        return {"tracked": ("file", 0o644, digest(b"before"))}

    exported = fill(work)
    whole = collect(work, exported, (), kept)
    moves = sorted(file.path for file in whole.outputs)
    for cut in range(len(moves) + 1):
        again, outputs = work.with_name(f"work{cut}"), kept.with_name(f"outputs{cut}")
        fill(again)
        outputs.mkdir()
        for path in moves[:cut]:
            (outputs / path).parent.mkdir(parents=True, exist_ok=True)
            os.rename(again / path, outputs / path)
        assert collect(again, exported, (), outputs) == whole


def test_too_deep_is_refused_and_not_an_error(work: Path, kept: Path) -> None:
    fd = os.open(work, os.O_RDONLY)
    for _ in range(MAX_DEPTH + 50):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    found = collect(work, {}, (), kept)
    assert found.outputs == ()
    (line,) = found.refused
    assert line.endswith(f": more than {MAX_DEPTH} directories deep")


def test_a_run_that_was_never_laid_out_left_nothing(tmp_path: Path, kept: Path) -> None:
    assert collect(tmp_path / "work", {}, (), kept) == Collected(outputs=(), refused=(), deleted=())


def test_a_tree_that_is_none_is_a_store_error(tmp_path: Path, kept: Path) -> None:
    (tmp_path / "work").write_bytes(b"")
    with pytest.raises(StoreError):
        collect(tmp_path / "work", {}, (), kept)


def test_ten_thousand_files(work: Path, kept: Path) -> None:
    for folder in range(100):
        (work / f"{folder:02}").mkdir()
        for number in range(100):
            (work / f"{folder:02}" / f"{number:02}").write_bytes(b"%d" % number)
    begun = time.perf_counter()
    found = collect(work, {}, (), kept)
    spent = time.perf_counter() - begun
    assert len(found.outputs) == 10_000
    assert spent < 20
    data = outputs_manifest(found.outputs)
    assert read_manifest(data) == found.outputs
