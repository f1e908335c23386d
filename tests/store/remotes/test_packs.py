"""Many small blobs of a run go to a store as a few files, and come back as they were."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from travelling import Silent, There, Tree, a_run, packed, snapshot

from reprobox.errors import BundleRefused, StoreDamaged
from reprobox.store.remotes import packs
from reprobox.store.remotes.directory import Directory
from reprobox.store.remotes.remote_store import RemoteStore
from reprobox.store.runs import Runs
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Copied, Parcels

SMALL: Tree = {f"out/{number}": b"%d" % number * 40 for number in range(300)}
LARGE: Tree = {"model": os.urandom(packs.SMALL + 1)}


@pytest.fixture
def far(tmp_path: Path) -> Path:
    return tmp_path / "far"


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path / "there")


def push(far: Path, parcels: Parcels, *, check: bool = False) -> Copied:
    destination = RemoteStore(Directory(far))
    if check:
        destination.read_again()
    return copy.copy(copy.plan(parcels, destination), parcels, destination, Silent())


def pull(far: Path, there: There, *runs: str) -> Copied:
    return there.take(RemoteStore(Directory(far)).choose(runs))


def names(far: Path) -> list[str]:
    return sorted(str(path.relative_to(far)) for path in far.rglob("*") if path.is_file())


def test_small_blobs_are_in_one_file_and_large_ones_are_files(
    runs: Runs, far: Path, there: There
) -> None:
    run = a_run(runs, {**SMALL, **LARGE})
    pushed = push(far, packed(runs, run))
    kinds = [name.split("/")[0] for name in names(far)]
    assert (kinds.count("packs"), kinds.count("blobs")) == (2, 1)
    pulled = pull(far, there)
    assert (pulled.size, pulled.blobs) == (pushed.size, pushed.blobs)
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))
    assert push(far, packed(runs, run)).blobs == 0


def test_few_small_blobs_are_files(runs: Runs, far: Path) -> None:
    push(far, packed(runs, a_run(runs)))
    assert not [name for name in names(far) if name.startswith("packs/")]


def test_each_run_stands_alone(runs: Runs, far: Path, there: There) -> None:
    first, second = a_run(runs, SMALL), a_run(runs, SMALL, now=1_795_188_700.0)
    push(far, packed(runs, first, second))
    for path in (far / "packs").iterdir():
        if path.name.startswith(first):
            path.unlink()
    assert pull(far, there, second).published == (second,)
    assert snapshot(there.runs.path(second)) == snapshot(runs.path(second))
    assert push(far, packed(runs, first)).blobs > 300
    assert pull(far, there, first).published == (first,)


def test_only_a_part_is_read_where_a_part_is_wanted(
    runs: Runs, far: Path, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "_GAP", 10)
    run = a_run(runs, SMALL)
    push(far, packed(runs, run))
    pull(far, there, run)
    gone = [there.runs.path(run) / "outputs" / "out" / str(number) for number in (7, 90, 91, 299)]
    for path in gone:
        path.unlink()
    assert pull(far, there, run).blobs == 4
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))


@pytest.mark.parametrize("how", ["byte", "short", "list", "foreign list", "no list"])
def test_a_damaged_pack_is_found_and_replaced(
    runs: Runs, far: Path, there: There, how: str
) -> None:
    run = a_run(runs, SMALL)
    push(far, packed(runs, run))
    (pack,) = (far / "packs").glob("*.pack")
    listed = pack.with_suffix(".json")
    if how == "byte":
        data = bytearray(pack.read_bytes())
        data[500] ^= 1
        pack.write_bytes(data)
    elif how == "short":
        pack.write_bytes(pack.read_bytes()[:-1])
    elif how == "list":
        listed.write_bytes(b"junk")
    elif how == "foreign list":
        found = json.loads(listed.read_bytes())
        found["blobs"] = [[digest, -size] for digest, size in found["blobs"]]
        listed.write_text(json.dumps(found))
    else:
        listed.unlink()
    with pytest.raises(Exception) as caught:
        pull(far, there)
    assert type(caught.value).__name__ in ("StoreDamaged", "StoreError", "BundleRefused")
    assert there.published() == []
    push(far, packed(runs, run), check=how == "byte")
    assert pull(far, there).published == (run,)
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))


def test_check_replaces_a_damaged_file_of_the_same_size(
    runs: Runs, far: Path, there: There
) -> None:
    run = a_run(runs)
    push(far, packed(runs, run))
    (blob,) = [path for path in far.rglob("*") if path.is_file() and path.stat().st_size == 10240]
    good = blob.read_bytes()
    blob.write_bytes(b"?" + good[1:])
    assert push(far, packed(runs, run)).blobs == 0
    with pytest.raises(StoreDamaged):
        pull(far, there)
    assert push(far, packed(runs, run), check=True).blobs == 1
    assert blob.read_bytes() == good
    assert push(far, packed(runs, run), check=True).blobs == 0


def test_junk_in_a_store_does_not_keep_the_other_runs(runs: Runs, far: Path, there: There) -> None:
    good, bad = a_run(runs), a_run(runs, now=1_795_188_700.0)
    push(far, packed(runs, good, bad))
    (far / "runs" / f"{bad}.json").write_bytes(b"junk")
    for name in ("junk.json", "README", ".DS_Store"):
        (far / "runs" / name).write_bytes(b"junk")
    (far / "runs" / "20261120-153012-dead-otter-0000.json").mkdir()
    os.mkfifo(far / "runs" / "20261120-153012-dead-otter-0001.json")
    (far / "additions").mkdir()
    (far / "additions" / f"{good}.0001-0.json").write_bytes(b"junk")
    os.mkfifo(far / "additions" / f"{good}.0002-0.json")
    chosen = RemoteStore(Directory(far)).choose([])
    assert chosen.skipped.keys() == {
        bad,
        "20261120-153012-dead-otter-0000",
        "20261120-153012-dead-otter-0001",
    }
    assert there.take(chosen).published == (good,)
    with pytest.raises(BundleRefused):
        pull(far, there, bad)


def test_a_blob_that_is_a_fifo_is_sent_again(runs: Runs, far: Path, there: There) -> None:
    run = a_run(runs)
    push(far, packed(runs, run))
    (blob,) = [path for path in far.rglob("*") if path.is_file() and path.stat().st_size == 10240]
    blob.unlink()
    os.mkfifo(blob)
    with pytest.raises(Exception, match="not a regular file"):
        pull(far, there)
    assert push(far, packed(runs, run)).blobs == 1
    assert pull(far, there).published == (run,)
