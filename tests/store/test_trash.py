"""A removed run can be restored until gc deletes it, and until then nothing lists it."""

from __future__ import annotations

import os
import time

import pytest
from harness_runs import NOW, a_finished_run, a_runspec, an_intent

from reprobox.errors import RunBusy, RunNotFound
from reprobox.model.runspec import InputPin
from reprobox.store import garbage, heads, integrity, trash
from reprobox.store.objects import ObjectStore
from reprobox.store.runs import Runs


def test_a_removed_run_is_listed_nowhere_and_comes_back_as_it_was(runs: Runs) -> None:
    kept, gone = a_finished_run(runs), a_finished_run(runs, now=NOW + 1, name="mine")
    _, digest = runs.record(gone)
    runs.trash(gone, NOW + 5)
    assert runs.ids() == [kept]
    assert runs.find("latest") == kept
    assert [row.id for row in runs.list()] == [kept]
    assert not runs.has(gone)
    for work in (runs.record, runs.intent, runs.path, runs.hold, runs.trash, runs.remove):
        with pytest.raises(RunNotFound):
            work(gone)
    with pytest.raises(RunNotFound):
        runs.find("mine")
    assert integrity.check(runs.root).faults == ()
    assert runs.removed() == {gone: NOW + 5}
    runs.restore(gone)
    assert runs.record(gone)[1] == digest
    assert runs.find("mine") == runs.find("latest") == gone
    assert (runs.removed(), integrity.check(runs.root).faults) == ({}, ())
    with pytest.raises(RunNotFound):
        runs.restore(gone)


def test_a_run_without_a_record_cannot_be_restored_so_it_is_not_taken(runs: Runs) -> None:
    intent = an_intent()
    runs.begin(intent, {}).release()
    with pytest.raises(RunBusy):
        runs.trash(intent.id)
    assert runs.ids() == [intent.id]


def test_its_id_stays_taken(runs: Runs) -> None:
    gone = a_finished_run(runs)
    runs.trash(gone)
    with pytest.raises(RunBusy):
        runs.begin(an_intent(gone), {})
    runs.restore(gone)
    assert runs.finished(gone)


def test_what_it_needs_is_kept_until_it_is_deleted(runs: Runs) -> None:
    store = ObjectStore(runs.root)
    digest = store.put_bytes(b"needed")
    os.utime(store.path(digest), (1, 1))
    gone = a_finished_run(runs, runspec=a_runspec(runtime=digest))
    runs.trash(gone, NOW)
    assert garbage.plan(runs.root).objects == ()
    found = garbage.plan(runs.root, without=[gone])
    assert (found.objects, [one for one, _ in found.removed]) == (((digest, 6),), [gone])
    assert found.size == 6 + found.removed[0][1] > 6


def test_it_is_deleted_by_age_and_for_good(runs: Runs) -> None:
    old, young = a_finished_run(runs), a_finished_run(runs, now=NOW + 1)
    for run_id, at in ((old, NOW), (young, NOW + 100)):
        runs.trash(run_id, at)
    assert garbage.expired(runs, 50, NOW + 60) == [old]
    assert garbage.expired(runs, 0, NOW + 100) == [old, young]
    assert not runs.purge(young, NOW + 50)
    assert runs.purge(old, NOW + 50)
    assert not runs.purge(old, NOW + 50)
    assert runs.removed() == {young: NOW + 100}
    assert sorted(os.listdir(runs.folder)) == [young, f"{young}.removed"]
    assert integrity.check(runs.root).faults == ()
    assert [head.event for head in heads.read(runs.root)] == ["record", "record", "removed"]


def test_a_deletion_that_was_cut_off_after_its_announcement_can_still_be_undone(runs: Runs) -> None:
    gone = a_finished_run(runs)
    runs.trash(gone)
    heads.append(runs.root, gone, "removed")
    runs.restore(gone)
    assert integrity.check(runs.root).faults == ()


def test_a_mark_without_a_run_is_no_run(runs: Runs) -> None:
    gone = a_finished_run(runs)
    trash.mark(runs.folder, "20261120-153012-calm-otter-0000", time.time())
    assert runs.removed() == {}
    assert runs.ids() == [gone]
    assert not runs.purge("20261120-153012-calm-otter-0000", time.time())


def test_which_runs_read_the_outputs_of_another(runs: Runs) -> None:
    first = a_finished_run(runs)

    def reading(source: str, number: int, *, tracked: bool = False) -> str:
        pin = InputPin(
            path="/work/model",
            source=source,
            kind="file",
            digest="sha256:" + "1" * 64,
            size=1,
            tracked=tracked,
        )
        spec = a_runspec(inputs=(pin,))
        return a_finished_run(runs, now=NOW + number, runspec=spec)

    direct = reading(f"{runs.folder}/{first}/outputs/model.pt", 1)
    link = runs.root.parent / "link"
    link.symlink_to(runs.folder / first / "outputs")
    through = reading(str(link / "model.pt"), 2)
    reading(str(runs.root.parent / "data"), 3)
    reading(f"{runs.folder}/{first}/outputs/model.pt", 4, tracked=True)
    assert runs.index.readers(first) == [direct, through]
    assert runs.index.readers(direct) == []
    runs.trash(direct)
    later = reading(f"{runs.folder}/{first}/outputs", 5)
    assert runs.index.readers(first) == [through, later]
