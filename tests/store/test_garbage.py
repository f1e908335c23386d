from __future__ import annotations

import fcntl
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from harness_runs import NOW, a_finished_run, a_record, a_runspec, an_intent

from reprobox.errors import StoreError
from reprobox.kit import canon
from reprobox.model.image import ARCHIVE_MEMO
from reprobox.store import garbage
from reprobox.store.objects import ObjectStore
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.project import open_project, register
from reprobox.store.runs import Runs


def put_old(store: ObjectStore, data: bytes) -> str:
    digest = store.put_bytes(data)
    os.utime(store.path(digest), (1, 1))
    return digest


def test_what_runs_and_locks_mention_stays_and_the_rest_is_told_then_removed(
    tmp_path: Path,
) -> None:
    shared = ObjectStore(tmp_path / "shared")
    runs = open_project(tmp_path / "project", shared=shared.root)
    wheel, layer, lonely, young = (
        put_old(shared, data) for data in (b"wheel", b"layer", b"lonely", b"young")
    )
    tree = put_old(shared, b'{"files":["' + layer.removeprefix("sha256:").encode() + b'"]}')
    (tmp_path / "project" / "reprobox.lock").write_text(f'{{"wheels":[{{"sha256":"{wheel}"}}]}}')
    a_finished_run(runs, runspec=a_runspec(runtime=tree))
    os.utime(shared.path(young))
    assert shared.has(young)
    found = garbage.plan(shared.root)
    assert found.objects == ((lonely, 6),)
    assert (found.size, found.kept, found.forgotten) == (6, 4, ())
    assert shared.verify(lonely)
    assert garbage.carry_out(shared.root, found) == 6
    assert sorted(shared.iterate()) == sorted([wheel, layer, young, tree])


def test_an_intent_alone_protects(runs: Runs) -> None:
    store = ObjectStore(runs.root)
    digest = put_old(store, b"runtime")
    with runs.begin(an_intent(runspec=a_runspec(runtime=digest)), {}):
        assert garbage.plan(runs.root).objects == ()
    assert garbage.plan(runs.root).objects == ()


def test_an_object_that_was_looked_up_after_the_plan_stays(runs: Runs) -> None:
    store = ObjectStore(runs.root)
    digest = put_old(store, b"x")
    found = garbage.plan(runs.root)
    assert found.objects == ((digest, 1),)
    assert store.has(digest)
    assert garbage.carry_out(runs.root, found) == 0
    assert store.verify(digest)


def test_a_registered_lock_protects_and_a_missing_project_stops(tmp_path: Path) -> None:
    shared = ObjectStore(tmp_path / "shared")
    digest = put_old(shared, b"x")
    lock = tmp_path / "other.lock"
    lock.write_text(digest)
    register(shared.root, lock)
    assert garbage.plan(shared.root).objects == ()
    lock.unlink()
    with pytest.raises(StoreError) as caught:
        garbage.plan(shared.root)
    assert str(lock) in caught.value.why
    assert "--forget-missing" in caught.value.next_step
    found = garbage.plan(shared.root, forget=True)
    assert found.objects == ((digest, 1),)
    garbage.carry_out(shared.root, found)
    assert garbage.plan(shared.root) == garbage.Plan()


def test_a_lock_that_was_deleted_from_its_repository_drops_out(tmp_path: Path) -> None:
    shared = ObjectStore(tmp_path / "shared")
    digest = put_old(shared, b"x")
    lock = tmp_path / "project" / "sub" / "reprobox.lock"
    lock.parent.mkdir(parents=True)
    (tmp_path / "project" / ".git").mkdir()
    lock.write_text(digest)
    register(shared.root, lock)
    assert garbage.plan(shared.root) == garbage.Plan(kept=1)
    lock.unlink()
    found = garbage.plan(shared.root)
    assert (found.objects, len(found.forgotten)) == (((digest, 1),), 1)
    lock.parent.rmdir()
    assert garbage.plan(shared.root) == found
    # It came back before anything was removed, and stays registered.
    lock.parent.mkdir()
    lock.write_text(digest)
    garbage.carry_out(shared.root, replace(found, objects=()))
    assert garbage.plan(shared.root).objects == ()


def test_a_lock_that_cannot_be_read_stops_gc(tmp_path: Path) -> None:
    shared = ObjectStore(tmp_path / "shared")
    put_old(shared, b"x")
    (tmp_path / ".git").mkdir()
    lock = tmp_path / "sub" / "reprobox.lock"
    lock.parent.mkdir()
    lock.symlink_to(lock)
    register(shared.root, lock)
    with pytest.raises(StoreError):
        garbage.plan(shared.root)


def test_what_cannot_be_read_stops_everything(runs: Runs) -> None:
    put_old(ObjectStore(runs.root), b"x")
    path = runs.path(a_finished_run(runs)) / "record.json"
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(StoreError):
        garbage.plan(runs.root)


def test_leftovers_of_the_dead_go_and_of_the_living_stay(runs: Runs) -> None:
    finished = a_finished_run(runs, now=NOW)
    scratch = runs.path(finished) / "work"
    scratch.mkdir()
    (scratch / "big").write_bytes(bytes(1000))
    tmp = runs.root / "tmp"
    for name in ("dead", "alive", "fresh", "partial-1", "partial-2"):
        (tmp / name).write_bytes(bytes(10))
    (tmp / "outgoing-1").mkdir()
    removed = tmp / f"removed-{finished}-0000"
    removed.mkdir()
    for name in ("dead", "alive", "partial-1", "outgoing-1", removed.name):
        os.utime(tmp / name, (time.time() - 2 * 3600,) * 2)
    os.utime(tmp / "partial-2", (1, 1))
    intent = an_intent(now=NOW + 1)
    with (tmp / "alive").open("rb") as alive, runs.begin(intent, {}) as run:
        fcntl.flock(alive, fcntl.LOCK_EX)
        (run.path / "work").mkdir()
        found = garbage.plan(runs.root)
        assert sorted(path.name for path, _ in found.leftovers) == [
            "dead",
            "partial-2",
            removed.name,
            "work",
        ]
        assert found.size == 1020
        assert garbage.carry_out(runs.root, found) == 1020
        assert sorted(os.listdir(tmp)) == ["alive", "fresh", "outgoing-1", "partial-1"]
        run.finish(a_record(intent), outputs_manifest(()))
        assert garbage.plan(runs.root).leftovers == ()
    assert not scratch.exists()
    assert [path for path, _ in garbage.plan(runs.root).leftovers] == [
        tmp / "alive",
        runs.path(intent.id) / "work",
    ]


def test_a_digest_without_its_prefix_counts_too(runs: Runs) -> None:
    digest = put_old(ObjectStore(runs.root), b"x")
    a_finished_run(runs, config={"anything": [canon.hex_of(digest)]})
    assert garbage.plan(runs.root).objects == ()


def test_the_layers_of_a_needed_image_stay(runs: Runs, tmp_path: Path) -> None:
    """Also those that a build step made: an image names each layer by the digest under which it is
    stored.
    """
    store = ObjectStore(runs.root)
    needed, other = (
        put_old(store, name) for name in (b"made by a step", b"made for a lock that is no more")
    )
    store.remember("layer/1", other)
    a_finished_run(runs, image=replace(an_intent().image, diff_ids=(needed,)))
    assert [digest for digest, _ in garbage.plan(runs.root).objects] == [other]


def test_the_archive_of_a_needed_image_stays(runs: Runs) -> None:
    store = ObjectStore(runs.root)
    needed, other = (
        put_old(store, name) for name in (b"the archive", b"an archive that nobody needs")
    )
    image = "sha256:" + "5" * 64
    store.remember(ARCHIVE_MEMO + canon.hex_of(image), needed)
    store.remember(ARCHIVE_MEMO + "6" * 64, other)
    a_finished_run(runs, config={"image": image})
    assert [digest for digest, _ in garbage.plan(runs.root).objects] == [other]
