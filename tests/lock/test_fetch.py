"""A lock backed by bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lock_world import Index, Locker, Talk, served

from reprobox.errors import FetchError, HashMismatch
from reprobox.lock import fetch
from reprobox.store.objects import ObjectStore


def _spoil(objects: ObjectStore, digest: str, data: bytes) -> None:
    path = objects.path(digest)
    path.chmod(0o644)
    path.write_bytes(data)


def test_what_is_missing_comes_back_by_its_hash(
    lock: Locker, index: Index, objects: ObjectStore, talk: Talk, root: Path
) -> None:
    for name in ("alpha", "beta"):
        index.add(name, "1.0")
    made = lock("alpha", "beta")
    assert fetch.missing(made, objects) == []
    index.add(
        "alpha", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64"
    )  # another wheel of the version is not the lock's
    objects.remove(made.wheels[0].sha256)
    assert [piece.filename for piece in fetch.missing(made, objects)] == [
        "alpha-1.0-py3-none-any.whl"
    ]
    fetch.complete(made, objects, talk, root=root)
    fetch.verify(made, objects, talk)


def test_an_index_hidden_behind_another_with_the_same_version(
    lock: Locker, index: Index, objects: ObjectStore, talk: Talk, own_settings: pytest.MonkeyPatch
) -> None:
    index.add("alpha", "1.0")
    made = lock("alpha")
    objects.remove(made.wheels[0].sha256)
    with served(Index()) as rebuilt:
        rebuilt.add("alpha", "1.0", filler=b"# rebuilt")
        own_settings.setenv("PIP_INDEX_URL", rebuilt.url)
        own_settings.setenv("PIP_EXTRA_INDEX_URL", index.url)
        fetch.complete(made, objects, talk)
    fetch.verify(made, objects, talk)


def test_offline_names_each_file(
    lock: Locker, index: Index, objects: ObjectStore, talk: Talk
) -> None:
    index.add("alpha", "1.0")
    made = lock("alpha")
    fetch.complete(made, objects, talk, offline=True)
    objects.remove(made.wheels[0].sha256)
    with pytest.raises(FetchError, match="and this is offline") as caught:
        fetch.complete(made, objects, talk, offline=True)
    assert caught.value.why == f"wheel alpha-1.0-py3-none-any.whl ({made.wheels[0].sha256})"
    assert "reprobox pull" in caught.value.next_step


def test_gone_from_every_index(
    lock: Locker, index: Index, objects: ObjectStore, talk: Talk
) -> None:
    index.add("alpha", "1.0")
    made = lock("alpha")
    objects.remove(made.wheels[0].sha256)
    index.files = {
        "alpha-1.0-py3-none-any.whl": index.files["alpha-1.0-py3-none-any.whl"] + b"rebuilt"
    }
    with served(Index()) as other, pytest.MonkeyPatch.context() as patch:
        other.add("alpha", "1.0", filler=b"# rebuilt")
        patch.setenv("PIP_INDEX_URL", other.url)
        with pytest.raises(FetchError, match="in no index any more") as caught:
            fetch.complete(made, objects, talk)
    assert "alpha-1.0-py3-none-any.whl" in caught.value.why


def test_a_cut_file_is_noticed_at_once_and_a_flipped_byte_when_read(
    lock: Locker, index: Index, objects: ObjectStore, talk: Talk
) -> None:
    index.add("alpha", "1.0")
    made = lock("alpha")
    digest = made.wheels[0].sha256
    data = objects.path(digest).read_bytes()
    _spoil(objects, digest, data[:-1])
    with pytest.raises(HashMismatch, match="not what the lock names") as caught:
        fetch.complete(made, objects, talk, offline=True)
    assert str(objects.path(digest)) in caught.value.why
    _spoil(objects, digest, data[:-1] + b"\x7f")
    with pytest.raises(HashMismatch):
        fetch.verify(made, objects, talk)
    objects.path(digest).unlink()
    fetch.complete(made, objects, talk)
    fetch.verify(made, objects, talk)


def test_an_empty_store_is_told_before_it_is_read(
    lock: Locker, index: Index, objects: ObjectStore, talk: Talk
) -> None:
    index.add("alpha", "1.0")
    made = lock("alpha")
    shutil.rmtree(objects.root)
    with pytest.raises(FetchError, match=r"2 file\(s\)") as caught:
        fetch.verify(made, objects, talk)
    assert "layer of base.tar" in caught.value.why


def test_layers_of_a_base_come_back_with_the_lock(
    lock: Locker, objects: ObjectStore, talk: Talk
) -> None:
    made = lock()
    objects.remove(made.base.diff_ids[0])
    with pytest.raises(FetchError, match="not in the store"):
        fetch.complete(made, objects, talk)
    assert lock(previous=made) == made
    fetch.verify(made, objects, talk)
