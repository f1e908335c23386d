"""An input tree path by path, and the manifest that its digest is of."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from reprobox.data import tree
from reprobox.data.tree import Silent, Stamp
from reprobox.errors import InputError
from reprobox.kit import canon
from reprobox.store.objects import ObjectStore


def seen(data: Path, version: int = tree.VERSION) -> list[tree.Seen]:
    store = ObjectStore(data.parent / "store")
    return list(tree.seen(data, "data", store, Silent(), version=version))


def test_paths_are_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    for name in ("b", "a/x", "a-b", "a0", "é"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text(name)
    assert [one.path for one in seen(tmp_path / "data")] == ["a-b", "a/x", "a0", "b", "é"]


def test_a_line_of_the_manifest_is_canonical(data: Path) -> None:
    (data / "a").chmod(0o755)
    found = {one.path: one for one in seen(data)}
    assert (
        found["a"].line == canon.canonical(["a", "file", True, 1, canon.digest_bytes(b"a")]) + b"\n"
    )
    assert (found["link"].kind, found["link"].digest) == ("link", canon.digest_bytes(b"a"))
    assert (found["empty"].kind, found["empty"].digest) == ("dir", tree.NOTHING)


def test_an_empty_directory_has_a_line_since_version_2(data: Path) -> None:
    assert "empty" in {one.path for one in seen(data)}
    assert "empty" not in {one.path for one in seen(data, version=1)}


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("a", False),
        ("../data/a", False),
        ("../other", True),
        ("/etc/hostname", True),
        ("missing", False),
        ("empty/../../x", True),
    ],
)
def test_whether_a_link_leads_out_of_the_tree(data: Path, text: str, out: bool) -> None:
    (data / "there").symlink_to(text)
    assert tree.leads_out(str(data / "there"), os.path.realpath(data)) is out


def test_what_is_behind_a_link_that_leads_out_is_text_in_version_1(data: Path) -> None:
    (data.parent / "far").write_text("behind")
    (data / "there").symlink_to("../far")
    (new,) = [one for one in seen(data) if one.path == "there"]
    (old,) = [one for one in seen(data, version=1) if one.path == "there"]
    assert (new.kind, new.followed, new.digest) == ("file", True, canon.digest_bytes(b"behind"))
    assert (old.kind, old.followed, old.digest) == ("link", False, canon.digest_bytes(b"../far"))


def test_a_fifo_is_refused_also_behind_a_link(data: Path) -> None:
    os.mkfifo(data.parent / "pipe")
    (data / "there").symlink_to("../pipe")
    with pytest.raises(InputError, match="neither a file nor a directory"):
        seen(data)
    (data / "there").unlink()
    os.mkfifo(data / "pipe")
    with pytest.raises(InputError, match="neither a file, a directory nor a link"):
        seen(data)


class Memory:
    """Digests that are remembered, in the place of the store."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def memo(self, key: str) -> str | None:
        return self.known.get(key)

    def remember(self, key: str, value: str) -> None:
        self.known[key] = value


@pytest.mark.parametrize(("age", "size", "kept"), [(100, 2, True), (0, 2, False), (100, 1, False)])
def test_only_the_digest_of_a_large_file_that_was_left_alone_is_remembered(
    data: Path, monkeypatch: pytest.MonkeyPatch, age: int, size: int, kept: bool
) -> None:
    monkeypatch.setattr(tree, "_MEMO_FROM", 2)
    (data / "a").write_text("x" * size)
    stamp = Stamp.of(os.stat(data / "a"))
    now = max(stamp.mtime, stamp.ctime) / 1e9 + age
    monkeypatch.setattr(tree.time, "time", lambda: now)
    memory = Memory()
    digest = tree.digest_of(str(data / "a"), stamp, memory, Silent())  # type: ignore[arg-type]
    assert digest == canon.digest_bytes(b"x" * size)
    assert list(memory.known.values()) == ([digest] if kept else [])
    memory.known = dict.fromkeys(memory.known, "sha256:remembered")
    again = tree.digest_of(str(data / "a"), stamp, memory, Silent())  # type: ignore[arg-type]
    assert again == ("sha256:remembered" if kept else digest)


def _many(data: Path, monkeypatch: pytest.MonkeyPatch, later: float) -> Memory:
    """A tree of so many files that its digests are remembered, hashed once."""
    monkeypatch.setattr(tree, "_MANY", 3)
    last = max(path.stat().st_ctime for path in data.rglob("*"))
    monkeypatch.setattr(tree.time, "time", lambda: last + later)
    memory = Memory()
    list(tree.seen(data, "data", memory, Silent()))  # type: ignore[arg-type]
    return memory


def test_digests_of_a_large_tree_are_remembered_together(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = _many(data, monkeypatch, later=100)
    (text,) = memory.known.values()
    assert sorted(line.split(" ")[1] for line in text.split("\n")) == sorted(
        canon.digest_bytes(name.encode()) for name in "abc"
    )
    read: list[str] = []
    monkeypatch.setattr(tree, "_hashed", lambda where, bar: read.append(where) or "sha256:read")
    first = {one.path: one.digest for one in tree.seen(data, "data", memory, Silent())}  # type: ignore[arg-type]
    assert (read, first["a"]) == ([], canon.digest_bytes(b"a"))


@pytest.mark.parametrize("keeps_its_times", [False, True])
def test_a_file_that_was_written_is_read_again(
    data: Path, monkeypatch: pytest.MonkeyPatch, keeps_its_times: bool
) -> None:
    memory = _many(data, monkeypatch, later=100)
    before = (data / "b").stat()
    time.sleep(0.02)  # the file system's clock moves in steps of up to 10 ms
    (data / "b").write_text("x")
    if keeps_its_times:
        os.utime(data / "b", ns=(before.st_atime_ns, before.st_mtime_ns))
    again = {one.path: one.digest for one in tree.seen(data, "data", memory, Silent())}  # type: ignore[arg-type]
    assert again["b"] == canon.digest_bytes(b"x")
    assert again["a"] == canon.digest_bytes(b"a")


def test_what_has_just_been_written_is_not_remembered(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _many(data, monkeypatch, later=1).known == {}


def test_damaged_remembered_digests_are_passed_over(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = _many(data, monkeypatch, later=100)
    for damaged in ("", "x", "a b c\n\n", {"a": 1}, ["a b"]):
        memory.known = dict.fromkeys(memory.known, damaged)  # type: ignore[arg-type]
        found = {one.path: one.digest for one in tree.seen(data, "data", memory, Silent())}  # type: ignore[arg-type]
        assert found["c"] == canon.digest_bytes(b"c")


@pytest.mark.parametrize("path", ["a", 'q"uo\\te', "ä/\U0001f600", "\udcff", "a\nb\t\x01\x7f", ""])
@pytest.mark.parametrize("executable", [True, False])
def test_a_line_is_canonical_json(path: str, executable: bool) -> None:
    line = tree.line_of(path, "file", executable, 10**15, "sha256:00")
    assert line == canon.canonical([path, "file", executable, 10**15, "sha256:00"]) + b"\n"
