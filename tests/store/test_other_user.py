"""A run of another user (`sudo` once), and a store that a group shares."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_runs import NOW, a_finished_run

from reprobox.errors import StoreError
from reprobox.kit import files
from reprobox.store import garbage, integrity
from reprobox.store.objects import ObjectStore
from reprobox.store.project import open_project
from reprobox.store.runs import Runs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
NOBODY = 65534


@contextlib.contextmanager
def as_nobody(group: int = NOBODY) -> Iterator[None]:
    os.setegid(group)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that others may reach, and that is nobody's."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    os.chown(top, NOBODY, NOBODY)
    yield top
    shutil.rmtree(top)


@pytest.fixture
def mixed(place: Path, tmp_path: Path) -> tuple[Runs, str, str]:
    """A store of nobody's with a run of its owner and one of root's."""
    # Whatever the interpreter loads late is loaded now: nobody may not read where it lies.
    warm = open_project(tmp_path)
    gone = a_finished_run(warm)
    (warm.folder / gone / "intent.json").unlink()
    list(warm.list())
    integrity.check(warm.root)
    garbage.carry_out(warm.root, garbage.plan(warm.root))
    warm.sweep()
    with as_nobody():
        runs = open_project(place)
        ours = a_finished_run(runs)
    theirs = a_finished_run(runs, now=NOW + 1)
    return runs, ours, theirs


def test_a_run_of_another_user_is_listed_and_keeps_nothing_from_going_on(
    mixed: tuple[Runs, str, str],
) -> None:
    runs, ours, theirs = mixed
    with as_nobody():
        rows = {row.id: row for row in runs.list()}
        assert (rows[ours].state, rows[theirs].state) == ("finished", "unreadable")
        assert "another user" in rows[theirs].reason
        assert runs.ids() == [ours, theirs]
        assert runs.unfinished() == []
        assert runs.headless() == []
        assert runs.sweep() == ()
        assert runs.record(ours)[0].id == ours
        third = a_finished_run(runs, now=NOW + 2)
        assert runs.find("latest") == third
        with pytest.raises(StoreError) as caught:
            runs.record(theirs)
    assert caught.value.next_step.startswith(f"sudo chown -R 65534:65534 {runs.folder / theirs}")
    subprocess.run(["chown", "-R", "65534:65534", str(runs.folder / theirs)], check=True)
    with as_nobody():
        assert runs.record(theirs)[0].id == theirs
        assert {row.state for row in runs.list()} == {"finished"}


def test_fsck_and_gc_name_it(mixed: tuple[Runs, str, str]) -> None:
    runs, _, theirs = mixed
    with as_nobody():
        store = ObjectStore(runs.root)
        lonely = store.put_bytes(b"perhaps theirs")
        os.utime(store.path(lonely), (1, 1))
        report = integrity.check(runs.root)
        found = garbage.plan(runs.root)
        assert garbage.carry_out(runs.root, found) == 0
        assert store.verify(lonely)
    assert [(fault.kind, fault.what) for fault in report.faults] == [
        ("unverifiable", f"run {theirs}")
    ]
    assert (found.objects, found.unreadable) == ((), (runs.folder / theirs,))
    assert [digest for digest, _ in garbage.plan(runs.root).objects] == [lonely]


@pytest.mark.parametrize(("mode", "expected"), [(0o2775, 0o660), (0o755, 0o600), (0o777, 0o666)])
def test_a_lock_file_is_for_all_who_may_write_to_its_directory(
    place: Path, mode: int, expected: int
) -> None:
    folder = place / "shared"
    folder.mkdir()
    folder.chmod(mode)
    old = os.umask(0o077)
    try:
        with files.locked(folder / "lock"):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE((folder / "lock").stat().st_mode) == expected


def test_a_lock_that_may_only_be_read_is_still_held(place: Path) -> None:
    with files.locked(place / "lock"):
        (place / "lock").chmod(0o644)
        with as_nobody(), pytest.raises(BlockingIOError), files.locked(place / "lock", wait=False):
            pass
    with as_nobody(), files.locked(place / "lock", wait=False):
        pass


def test_two_mounts_of_one_device_are_two_file_systems(place: Path) -> None:
    store = ObjectStore(place / "store")
    kept = store.put_bytes(b"first")
    other = place / "other"
    other.mkdir()
    subprocess.run(["mount", "--bind", str(other), str(other)], check=True)
    try:
        source = other / "layer"
        source.write_bytes(b"a layer")
        assert source.stat().st_dev == store.path(kept).stat().st_dev
        with pytest.raises(OSError) as caught:
            os.rename(source, place / "layer")
        assert caught.value.errno == errno.EXDEV
        digest = store.put_file(source, move=True)
        assert store.path(digest).read_bytes() == b"a layer"
        assert not source.exists()
    finally:
        subprocess.run(["umount", str(other)], check=True)
