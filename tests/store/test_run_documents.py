"""Documents of runs on the disk: short, whole for every reader, and never without their objects."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from harness_runs import LOCK, NOW, a_record, a_runspec, an_intent

from reprobox.errors import StoreDamaged, StoreError
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.image import tag_of
from reprobox.model.lock import Deb, Lock
from reprobox.model.record import Intent, Record
from reprobox.store import garbage, integrity, layout, run_documents
from reprobox.store.objects import ObjectStore
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.project import open_project
from reprobox.store.runs import Runs

PACKAGES = {f"package-{number}": f"1.{number}-2+deb12u1" for number in range(115)}


def a_deb(name: str, version: str) -> Deb:
    return Deb(
        name=name,
        version=version,
        architecture="amd64",
        filename=f"pool/main/p/{name}/{name}_{version}_amd64.deb",
        sha256=canon.digest_bytes(name.encode()),
        size=100_000,
    )


LONG = replace(
    LOCK, base=replace(LOCK.base, packages=tuple(a_deb(*item) for item in PACKAGES.items()))
)
"""As many packages as the smallest Debian with Python has."""


def a_run(runs: Runs, *, lock: Lock = LONG, now: float = NOW) -> tuple[str, Record]:
    locked = codec.digest(lock.without_image())
    intent = an_intent(now=now, runspec=a_runspec(lock=locked), lock=lock)
    intent = replace(intent, image=replace(intent.image, lock=locked, tag=tag_of(locked)))
    met = {"outside": {}, "packages": {"debian": PACKAGES}}
    record = a_record(intent, met=met)
    with runs.begin(intent, {"config.yaml": b""}) as run:
        run.started("f" * 64)
        run.finish(record, outputs_manifest(()))
    return intent.id, record


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    run_documents.forget()
    yield
    run_documents.forget()


def in_objects(runs: Runs) -> list[str]:
    return list(ObjectStore(runs.root).iterate())


def test_a_run_is_short_on_the_disk_and_whole_for_its_readers(runs: Runs) -> None:
    run_id, record = a_run(runs)
    again, _ = a_run(runs, now=NOW + 60)
    lock, packages = (canon.digest_of(one) for one in (codec.to_json(LONG), {"debian": PACKAGES}))
    assert in_objects(runs) == sorted([lock, packages]), "once for both runs"
    for one in (run_id, again):
        sizes = [(runs.folder / one / name).stat().st_size for name in run_documents.NAMES]
        assert sum(sizes) <= 12_000
    assert runs.record(run_id) == (record, codec.digest(record))
    assert runs.record_bytes(run_id) == codec.encode(record)
    assert runs.intent(run_id) == record.intent
    assert [row.id for row in runs.list()] == [again, run_id]
    assert integrity.check(runs.root).faults == ()


def test_only_a_store_with_short_documents_refuses_0_1(runs: Runs) -> None:
    assert (runs.root / "VERSION").read_text().strip() == layout.FORMAT
    a_run(runs)
    assert (runs.root / "VERSION").read_text().strip() == layout.SHORT
    layout.ensure(runs.root)


def test_a_run_of_0_1_is_read_as_it_is(runs: Runs) -> None:
    run_id, record = a_run(runs)
    for name, value in ((run_documents.INTENT, record.intent), (run_documents.RECORD, record)):
        (runs.folder / run_id / name).write_bytes(codec.encode(value))
    shutil.rmtree(runs.root / "objects/sha256")
    assert runs.record(run_id)[0] == record
    assert runs.intent(run_id) == record.intent


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_an_object_that_is_lost_is_named_and_nothing_is_guessed(runs: Runs, damage: str) -> None:
    run_id, _ = a_run(runs)
    for digest in in_objects(runs):
        path = ObjectStore(runs.root).path(digest)
        data = path.read_bytes()
        path.unlink() if damage == "gone" else (path.chmod(0o644), path.write_bytes(b"{}"))
        run_documents.forget()
        with pytest.raises(StoreDamaged, match=digest):
            runs.record(run_id)
        assert integrity.check(runs.root).code & integrity.BITS["corrupted"]
        assert any(digest in fault.why for fault in integrity.check(runs.root).faults)
        with pytest.raises((StoreError, StoreDamaged), match=digest):
            garbage.plan(runs.root)
        path.unlink(missing_ok=True)
        ObjectStore(runs.root).put_bytes(data)
    run_documents.forget()
    assert integrity.check(runs.root).faults == ()


def test_gc_keeps_what_documents_name_until_the_last_run_goes(runs: Runs) -> None:
    ids = [a_run(runs, now=NOW + 60 * number)[0] for number in range(2)]
    digests = in_objects(runs)
    for digest in digests:
        os.utime(ObjectStore(runs.root).path(digest), (1, 1))
    for run_id in ids:
        assert garbage.plan(runs.root).objects == ()
        runs.remove(run_id)
    assert sorted(digest for digest, _ in garbage.plan(runs.root).objects) == digests


def test_gc_of_the_shared_store_keeps_what_the_lock_of_a_run_names(tmp_path: Path) -> None:
    shared = ObjectStore(tmp_path / "shared")
    runs = open_project(tmp_path / "project", shared=shared.root)
    deb = LONG.base.packages[3]
    assert shared.put_bytes(deb.name.encode()) == deb.sha256
    lonely = shared.put_bytes(b"lonely")
    for digest in (deb.sha256, lonely):
        os.utime(shared.path(digest), (1, 1))
    a_run(runs)
    assert [digest for digest, _ in garbage.plan(shared.root).objects] == [lonely]


def test_where_an_object_cannot_be_written_the_document_is_whole(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ObjectStore, data: bytes) -> str:
        raise StoreError("no space")

    monkeypatch.setattr(ObjectStore, "put_bytes", full)
    run_id, record = a_run(runs)
    assert (runs.folder / run_id / "record.json").read_bytes() == codec.encode(record)
    assert (runs.folder / run_id / "intent.json").read_bytes() == codec.encode(record.intent)
    assert runs.record(run_id)[0] == record


def test_a_short_lock_stays_where_it_is(runs: Runs) -> None:
    run_id, record = a_run(runs, lock=LOCK)
    found = codec.decode(
        Intent, (runs.folder / run_id / "intent.json").read_bytes(), where="the intent"
    )
    assert found == record.intent
