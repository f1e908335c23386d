"""A run that is here gets what it lacks, and what is damaged, from any good copy that comes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from travelling import There, a_run, a_verdict, bundle_of, packed, snapshot

from reprobox.errors import BundleRefused, RunBusy
from reprobox.store import integrity
from reprobox.store.runs import Runs
from reprobox.store.transfer.local_copy import LocalCopy

WHEEL = os.urandom(200_000)


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path / "there")


def flip(path: Path) -> None:
    """One bit, with the old size."""
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def test_outputs_that_did_not_come_at_first_come_later(runs: Runs, there: There) -> None:
    run = a_run(runs)
    assert there.import_(bundle_of(packed(runs, run, parts=("code",)))).published == (run,)
    assert there.runs.outputs_stayed(run)
    full = bundle_of(packed(runs, run))
    done = there.import_(full)
    assert (done.published, done.known, done.completed) == ((), (run,), (run,))
    assert not there.runs.outputs_stayed(run)
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))
    again = there.import_(full)
    assert (again.known, again.completed, again.size) == ((run,), (), 0)
    assert there.waiting() == []


@pytest.mark.parametrize(
    "name",
    [
        "record.json",
        "record.sha256",
        "intent.json",
        "config.yaml",
        "stdout",
        "outputs.jsonl",
        "outputs/model.bin",
        "outputs/odd names/new\nline",
        "verdicts/0001.json",
    ],
)
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_what_is_damaged_is_put_right(runs: Runs, there: There, name: str, how: str) -> None:
    run = a_run(runs)
    runs.add_verdict(run, a_verdict(run, run))
    data = bundle_of(packed(runs, run))
    there.import_(data)
    whole = snapshot(there.runs.path(run))
    place = there.runs.folder / run / name
    flip(place) if how == "changed" else place.unlink()
    # Of a verdict that is gone nothing is left that could be missed.
    assert integrity.check(there.runs.root).code or (name, how) == ("verdicts/0001.json", "gone")
    done = there.import_(data)
    assert (done.known, done.completed) == ((run,), (run,))
    assert snapshot(there.runs.path(run)) == whole
    assert integrity.check(there.runs.root).faults == ()
    assert [row.state for row in there.runs.list()] == ["finished"]


def test_links_and_directories_are_put_right_too(runs: Runs, there: There) -> None:
    run = a_run(runs)
    data = bundle_of(packed(runs, run))
    there.import_(data)
    whole = snapshot(there.runs.path(run))
    top = there.runs.path(run) / "outputs"
    (top / "latest").unlink()
    (top / "latest").mkdir()
    (top / "latest" / "in the way").write_bytes(b"x")
    (top / "nothing").rmdir()
    shutil.rmtree(top / "results")
    assert there.import_(data).completed == (run,)
    assert snapshot(there.runs.path(run)) == whole


def test_a_damaged_object_is_put_right(runs: Runs, there: There) -> None:
    run = a_run(runs)
    data = bundle_of(packed(runs, run, wheels=[WHEEL]))
    there.import_(data)
    (digest,) = [one for one in there.shared.iterate() if there.shared.size(one) == len(WHEEL)]
    path = there.shared.path(digest)
    path.chmod(0o600)
    flip(path)
    assert there.import_(data).completed == (run,)
    assert there.shared.verify(digest)


def test_a_quick_look_reads_only_what_was_touched(runs: Runs, there: There) -> None:
    run = a_run(runs)
    parcels = packed(runs, run)
    there.take(parcels)
    (card,) = parcels.cards()
    path = there.runs.path(run) / "outputs" / "model.bin"
    assert LocalCopy(there.runs, card, thorough=False).lacking == set()
    flip(path)
    for thorough in (True, False):
        assert len(LocalCopy(there.runs, card, thorough=thorough).lacking) == 1
    path.unlink()
    assert len(LocalCopy(there.runs, card, thorough=False).lacking) == 1


def test_a_removed_run_comes_back(runs: Runs, there: There) -> None:
    run = a_run(runs)
    data = bundle_of(packed(runs, run))
    there.import_(data)
    there.runs.trash(run)
    assert there.import_(data).completed == (run,)
    assert there.runs.ids() == [run]
    assert integrity.check(there.runs.root).faults == ()


def test_a_removed_run_makes_room_for_another_of_its_id(runs: Runs, there: There) -> None:
    run = a_run(runs)
    there.import_(bundle_of(packed(runs, run)))
    there.runs.trash(run)
    runs.remove(run)
    assert a_run(runs, seed=1, run_id=run) == run
    assert there.import_(bundle_of(packed(runs, run))).published == (run,)
    assert there.runs.record(run)[1] == runs.record(run)[1]
    assert there.runs.removed() == {}
    assert integrity.check(there.runs.root).faults == ()


def test_another_record_of_the_same_id_is_still_refused(runs: Runs, there: There) -> None:
    run = a_run(runs)
    there.take(packed(runs, run))
    path = there.runs.path(run)
    flip(path / "record.json")
    (path / "record.sha256").write_text("sha256:" + "0" * 64 + "\n")
    with pytest.raises(BundleRefused, match="another run"):
        there.take(packed(runs, run))


def test_a_run_that_has_not_ended_is_left_alone(runs: Runs, there: There) -> None:
    run = a_run(runs)
    there.take(packed(runs, run))
    for name in ("record.json", "record.sha256"):
        (there.runs.path(run) / name).unlink()
    with pytest.raises(RunBusy):
        there.take(packed(runs, run))
