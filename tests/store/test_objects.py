from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprobox.errors import FetchError, HashMismatch, NewerFormat, StoreDamaged, StoreError
from reprobox.kit import canon
from reprobox.store.objects import ObjectStore

HELLO = canon.digest_bytes(b"hello")


def test_bytes_come_back_read_only_and_leave_no_temporary_file(objects: ObjectStore) -> None:
    assert not objects.has(HELLO)
    assert objects.put_bytes(b"hello") == HELLO
    path = objects.path(HELLO)
    assert path.read_bytes() == b"hello"
    assert path.stat().st_mode & 0o777 == 0o444
    assert path.relative_to(objects.root).as_posix() == f"objects/sha256/{HELLO[7:9]}/{HELLO[9:]}"
    assert objects.size(HELLO) == 5
    assert objects.verify(HELLO)
    assert list(objects.iterate()) == [HELLO]
    assert os.listdir(objects.root / "tmp") == []


def test_a_wrong_hash_stores_nothing(objects: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"other")
    with pytest.raises(HashMismatch, match=HELLO):
        objects.put_stream(io.BytesIO(b"other"), expect=HELLO)
    for move in (False, True):
        with pytest.raises(HashMismatch):
            objects.put_file(source, expect=HELLO, move=move)
    assert source.read_bytes() == b"other"
    assert list(objects.iterate()) == []
    assert os.listdir(objects.root / "tmp") == []


def test_moving_takes_the_file_itself(objects: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"hello")
    inode = source.stat().st_ino
    assert objects.put_file(source, expect=HELLO, move=True) == HELLO
    assert not source.exists()
    assert objects.path(HELLO).stat().st_ino == inode


def test_a_file_with_another_name_is_copied_even_when_moved(
    objects: ObjectStore, tmp_path: Path
) -> None:
    source, other = tmp_path / "file", tmp_path / "other"
    source.write_bytes(b"hello")
    os.link(source, other)
    objects.put_file(source, move=True)
    assert not source.exists()
    other.write_bytes(b"edited later")
    assert objects.verify(HELLO)


def test_copying_leaves_the_source_and_follows_a_link(objects: ObjectStore, tmp_path: Path) -> None:
    source, link = tmp_path / "file", tmp_path / "link"
    source.write_bytes(b"hello")
    link.symlink_to(source)
    assert objects.put_file(link) == HELLO
    assert source.exists()


def test_putting_again_heals_damage(objects: ObjectStore) -> None:
    objects.put_bytes(b"hello")
    path = objects.path(HELLO)
    path.chmod(0o644)
    path.write_bytes(b"hellO")
    assert not objects.verify(HELLO)
    objects.put_bytes(b"hello")
    assert objects.verify(HELLO)


def test_bytes_that_have_long_been_there_are_compared_and_not_written_again(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = objects.path(objects.put_bytes(b"hello"))
    young = path.stat().st_ino
    objects.put_bytes(b"hello")
    assert path.stat().st_ino == young, "this process has made it durable"
    monkeypatch.setattr("reprobox.store.objects._SYNCED", {})  # another process has stored it
    objects.put_bytes(b"hello")
    settled = path.stat().st_ino
    assert settled != young, "its name may not be on the disk yet"
    monkeypatch.setattr("reprobox.store.objects._SYNCED", {})
    monkeypatch.setattr("reprobox.store.objects._SETTLED", -1.0)
    objects.put_bytes(b"hello")
    assert path.stat().st_ino == settled
    for damage in (b"hellO", b"hell", b""):
        path.chmod(0o644)
        path.write_bytes(damage)
        assert objects.put_bytes(b"hello") == HELLO
        assert path.read_bytes() == b"hello"


def test_absent_is_a_fetch_error_that_says_what_to_do(objects: ObjectStore) -> None:
    with pytest.raises(FetchError) as caught:
        objects.path(HELLO)
    assert "reprobox lock" in caught.value.next_step
    assert not objects.verify(HELLO)


def test_a_digest_that_is_none_never_becomes_a_path(objects: ObjectStore) -> None:
    for text in ("sha256:../../etc/passwd", "sha256:" + "A" * 64, HELLO + "\n", ""):
        with pytest.raises(StoreDamaged, match="not a sha256 digest"):
            objects.has(text)


def test_unreadable_is_not_absent(objects: ObjectStore) -> None:
    objects.put_bytes(b"hello")
    folder = objects.path(HELLO).parent
    folder.rename(folder.with_name("aside"))
    # A loop of links: an error that root gets too.
    folder.symlink_to(folder)
    with pytest.raises(StoreError) as caught:
        objects.has(HELLO)
    assert caught.value.next_step
    with pytest.raises(StoreError):
        objects.verify(HELLO)


def test_an_object_that_is_used_again_looks_young_to_gc(objects: ObjectStore) -> None:
    objects.put_bytes(b"hello")
    path = objects.path(HELLO)
    os.utime(path, (1, 1))
    assert objects.has(HELLO)
    assert time.time() - path.stat().st_mtime < 60


def test_errors_of_the_stream_stay_its_own(objects: ObjectStore) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError("the other side went away")

    with pytest.raises(ConnectionResetError):
        objects.put_stream(Broken())
    assert os.listdir(objects.root / "tmp") == []


def test_a_newer_store_is_left_alone(objects: ObjectStore) -> None:
    objects.root.mkdir()
    (objects.root / "VERSION").write_text("reprobox.store/3\n")
    with pytest.raises(NewerFormat):
        objects.put_bytes(b"hello")
    assert os.listdir(objects.root) == ["VERSION"]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    code = f"""
import resource, signal
from pathlib import Path
from reprobox.errors import StoreError
from reprobox.store.objects import ObjectStore
store = ObjectStore(Path({str(tmp_path / "shared")!r}))
store.put_bytes(b"small")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    store.put_bytes(bytes(100_000))
except StoreError:
    raise SystemExit(0)
raise SystemExit(1)
"""
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": os.getcwd()}).returncode
        == 0
    )
    store = ObjectStore(tmp_path / "shared")
    assert [store.verify(digest) for digest in store.iterate()] == [True]
    assert os.listdir(store.root / "tmp") == []


def test_facts_are_kept_and_damaged_facts_are_unknown(objects: ObjectStore) -> None:
    assert objects.memo("wheel/\udcff ../x") is None
    objects.remember("wheel/\udcff ../x", {"diff": HELLO, "n": [1, 2.5, None]})
    assert objects.memo("wheel/\udcff ../x") == {"diff": HELLO, "n": [1, 2.5, None]}
    (path,) = (objects.root / "memo").iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[:-5], whole.replace(b"2.5", b"3.5"), bytes(len(whole)), b"[]"):
        path.write_bytes(damaged)
        assert objects.memo("wheel/\udcff ../x") is None


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=200), flips=st.integers(min_value=0))
def test_any_changed_bit_is_found(
    data: bytes, flips: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = ObjectStore(tmp_path_factory.getbasetemp() / "flips")
    digest = store.put_bytes(data)
    if data:
        changed = bytearray(data)
        changed[flips // 8 % len(data)] ^= 1 << flips % 8
        path = store.path(digest)
        path.chmod(0o644)
        path.write_bytes(changed)
        assert not store.verify(digest)
    store.put_bytes(data)
    assert store.verify(digest)


def test_a_place_that_cannot_hold_a_store_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        ObjectStore(tmp_path / "file" / "store").put_bytes(b"x")
