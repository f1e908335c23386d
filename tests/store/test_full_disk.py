"""A disk that is full and stays full: a failure that is injected once does not show what closing a
file says after it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from far_away import small_disk
from harness_runs import NOW, a_finished_run, a_record, an_intent
from travelling import There, a_run, bundle_of, packed, snapshot

from reprobox.errors import StoreError
from reprobox.store import integrity
from reprobox.store.objects import ObjectStore
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.rundir import RunDir
from reprobox.store.runs import Runs
from reprobox.store.transfer import incoming, whole_file

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
SIZE = 5_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", SIZE) as found:
        yield found


def fill(disk: Path, *, leave: int = 0) -> None:
    """Takes all room but so many bytes."""
    fd = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while True:
            os.write(fd, bytes(4096))
    except OSError:
        os.ftruncate(fd, max(0, os.fstat(fd).st_size - leave))
    finally:
        os.close(fd)


def a_bundle(path: Path, data: bytes) -> None:
    with whole_file.written(path, replace=False) as file:
        file.write(data)


def end(run: RunDir, runs: Runs) -> None:
    run.finish(a_record(runs.intent(run.id)), outputs_manifest(()))


def test_every_way_of_writing_tells_it(disk: Path, tmp_path: Path) -> None:
    store, runs = ObjectStore(disk / "store"), Runs(disk / "store")
    a_finished_run(runs)
    (tmp_path / "wheel").write_bytes(b"w" * 5000)
    with runs.begin(an_intent(now=NOW + 1), {}) as run:
        fill(disk)
        ways: list[Callable[[], object]] = [
            lambda: store.put_bytes(b"little"),
            lambda: store.put_bytes(b"much" * 1_000_000),
            lambda: store.put_file(tmp_path / "wheel"),
            lambda: store.remember("key", "v" * 9000),
            lambda: runs.begin(an_intent(now=NOW + 2), {"config.yaml": b""}),
            lambda: run.started("f" * 64),
            lambda: end(run, runs),
            lambda: a_bundle(disk / "little.rbx", b"little"),
            lambda: a_bundle(disk / "much.rbx", bytes(SIZE)),
        ]
        for way in ways:
            with pytest.raises(StoreError) as told:
                way()
            assert "No space left" in told.value.why
        (disk / "filler").unlink()
        run.started("f" * 64)
        end(run, runs)
    assert integrity.check(runs.root).faults == ()
    assert os.listdir(disk) == ["store"]


@pytest.mark.parametrize("leave", [0, 8192, 65_536, 400_000, 800_000, 1_300_000])
def test_an_import_that_fills_the_disk_goes_on_when_there_is_room(
    runs: Runs, disk: Path, leave: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "_ROOM", -(1 << 40))  # else it is refused before it begins
    run = a_run(runs, {"model": os.urandom(500_000)})
    data = bundle_of(packed(runs, run, wheels=[os.urandom(400_000)]))
    there = There(disk / "there")
    there.shared.put_bytes(b"makes the store")
    there.runs.unfinished()
    fill(disk, leave=leave)
    with pytest.raises(StoreError):
        there.import_(data)
    assert there.published() == []
    (disk / "filler").unlink()
    there.import_(data)
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))
    assert there.waiting() == []
    assert integrity.check(there.runs.root).faults == ()
