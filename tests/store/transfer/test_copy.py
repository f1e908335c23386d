"""One copy between two stores: whole, without sending twice, refusing what differs, and going on
where it was cut off.
"""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from travelling import COMMIT, Silent, There, a_run, a_verdict, bundle_of, packed, snapshot

from reprobox.errors import BundleRefused, RunBusy, StoreDamaged, StoreError
from reprobox.kit import canon
from reprobox.store.heads import read as heads
from reprobox.store.numbered_files import add_numbered
from reprobox.store.runs import Runs
from reprobox.store.transfer import copy
from reprobox.store.transfer.bundle import Reader
from reprobox.store.transfer.copy import Blob, Member, Parcels, Readable


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path / "there")


def test_a_run_arrives_as_it_left(runs: Runs, there: There) -> None:
    run = a_run(runs)
    runs.add_verdict(run, a_verdict(run, run))
    done = there.take(packed(runs, run, wheels=[b"wheel" * 100]))
    assert done.published == (run,)
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))
    assert there.runs.record(run) == runs.record(run)
    assert there.runs.outputs(run) == runs.outputs(run)
    assert there.runs.verdicts(run) == runs.verdicts(run)
    assert there.runs.find("latest") == run
    assert [head.record for head in heads(there.runs.root)] == [runs.record(run)[1]]
    assert there.commits == {COMMIT: b"PACK of " + COMMIT.encode()}
    assert there.waiting() == []


def test_what_belongs_to_others_too_is_shared_and_facts_are_not(runs: Runs, there: There) -> None:
    run = a_run(runs)
    parcels = packed(runs, run, wheels=[b"wheel"])
    there.take(parcels)
    card = parcels.cards()[0]
    assert all(there.shared.has(blob.digest) for blob in card.of("lock"))
    assert not any(there.shared.has(blob.digest) for blob in card.of("spec"))
    key = next(iter(card.memos))
    assert there.shared.memo(key) is None


def test_a_second_copy_sends_nothing(runs: Runs, there: There) -> None:
    run = a_run(runs)
    there.take(packed(runs, run, wheels=[b"wheel"]))
    again = there.take(packed(runs, run, wheels=[b"wheel"]))
    assert (again.published, again.known, again.blobs) == ((), (run,), 0)


def test_only_what_is_new_is_sent(runs: Runs, there: There) -> None:
    first, second = (
        a_run(runs, seed=1),
        a_run(runs, {"model.bin": b"another"}, seed=2, now=1_795_188_700.0),
    )
    big = b"wheel" * 10_000
    there.take(packed(runs, first, wheels=[big]))
    done = there.take(packed(runs, second, wheels=[big]))
    assert done.size < len(big)
    assert there.published() == [first, second]


def test_the_same_bytes_in_many_places_are_sent_once(runs: Runs, there: There) -> None:
    twice = {"a": b"x" * 50_000, "b/c": b"x" * 50_000}
    one, two = a_run(runs, twice), a_run(runs, twice, now=1_795_188_700.0)
    done = there.take(packed(runs, one, two))
    assert done.size < 70_000
    assert snapshot(there.runs.path(two)) == snapshot(runs.path(two))


def test_new_verdicts_and_statements_reach_a_run_that_is_there(runs: Runs, there: There) -> None:
    run = a_run(runs)
    there.take(packed(runs, run))
    there.runs.add_verdict(run, a_verdict(run, run, checked=5.0))
    runs.add_verdict(run, a_verdict(run, run, checked=7.0))
    add_numbered(runs.path(run), "statements", b'{"payload": ""}')
    for _ in range(2):
        there.take(packed(runs, run))
        assert [verdict.checked for verdict in there.runs.verdicts(run)] == [5.0, 7.0]
        assert [path.name for path in (there.runs.path(run) / "statements").iterdir()] == [
            "0001.json"
        ]


def test_without_outputs_their_manifest_still_comes(runs: Runs, there: There) -> None:
    run = a_run(runs)
    there.take(packed(runs, run, parts=()))
    assert there.runs.outputs(run) == runs.outputs(run)
    assert not (there.runs.path(run) / "outputs").exists()
    assert there.commits == {}


def test_an_id_that_is_there_and_differs_is_refused_before_anything_is_sent(
    runs: Runs, there: There, tmp_path: Path
) -> None:
    run = a_run(runs)
    other = There(tmp_path / "other")
    a_run(other.runs, {"forged": b"1"}, now=1_795_188_700.0)
    (forged,) = other.runs.ids()
    there.take(packed(runs, run))
    before = snapshot(there.runs.path(run))
    data = (
        (other.runs.path(forged) / "record.json")
        .read_bytes()
        .replace(forged.encode(), run.encode())
    )
    parcels = packed(other.runs, forged)
    card = replace(
        parcels.cards()[0],
        id=run,
        record=Blob(digest="sha256:" + "0" * 64, size=len(data), role="run").digest,
    )
    with pytest.raises(BundleRefused, match="another run"):
        there.take(_Announced(parcels, card))
    assert snapshot(there.runs.path(run)) == before


def test_a_run_that_is_still_going_there_is_left_alone(runs: Runs, there: There) -> None:
    run = a_run(runs)
    there.take(packed(runs, run))
    for name in ("record.json", "record.sha256"):
        (there.runs.path(run) / name).unlink()
    with pytest.raises(RunBusy):
        there.take(packed(runs, run))


def test_a_run_that_is_still_going_here_does_not_travel(runs: Runs) -> None:
    run = a_run(runs)
    (runs.path(run) / "record.json").unlink()
    with pytest.raises(RunBusy):
        packed(runs, run)


def test_one_import_at_a_time(runs: Runs, there: There) -> None:
    run = a_run(runs)
    with there.destination(), pytest.raises(RunBusy, match="is running"):
        there.take(packed(runs, run))


def test_an_output_that_was_changed_is_not_sent(runs: Runs, there: There) -> None:
    run = a_run(runs)
    (runs.path(run) / "outputs" / "model.bin").write_bytes(b"y" * 10240)
    with pytest.raises(StoreDamaged):
        there.take(packed(runs, run))
    assert there.published() == []


def test_an_output_that_is_gone_is_told(runs: Runs, there: There) -> None:
    run = a_run(runs)
    (runs.path(run) / "outputs" / "model.bin").unlink()
    with pytest.raises(StoreError, match="reading"):
        there.take(packed(runs, run))
    assert there.published() == []


class _Announced:
    """A origin with another card than its bytes are for."""

    again = True

    def __init__(self, parcels: Parcels, *cards: copy.Card) -> None:
        self._parcels, self._cards = parcels, cards

    def cards(self) -> tuple[copy.Card, ...]:
        return self._cards

    def blobs(self, wanted: Mapping[str, int]) -> Iterator[tuple[str, Readable]]:
        return self._parcels.blobs(wanted)

    def mismatch(self, digest: str) -> Any:
        return self._parcels.mismatch(digest)


class _CutOff(_Announced):
    """A origin that breaks off in the middle of a blob."""

    def __init__(self, parcels: Parcels, after: int) -> None:
        super().__init__(parcels, *parcels.cards())
        self._left = after
        self.offsets: list[int] = []

    def blobs(self, wanted: Mapping[str, int]) -> Iterator[tuple[str, Readable]]:
        self.offsets = [offset for offset in wanted.values() if offset]
        for digest, stream in self._parcels.blobs(wanted):
            self._stream = stream
            yield digest, self

    def read(self, size: int = -1, /) -> bytes:
        if not self._left:
            raise StoreError("the line is dead")
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


def test_a_copy_that_was_cut_off_goes_on_where_it_was(runs: Runs, there: There) -> None:
    wheel = bytes(range(256)) * 20_000
    run = a_run(runs)
    whole = there.__class__(there.top.parent / "whole").take(packed(runs, run, wheels=[wheel]))
    cut = _CutOff(packed(runs, run, wheels=[wheel]), whole.size - 1_000_000)
    with pytest.raises(StoreError, match="the line is dead"):
        there.take(cut)
    assert there.published() == []
    silent = Silent()
    rest = _CutOff(packed(runs, run, wheels=[wheel]), 1 << 40)
    with there.destination() as destination:
        copy.copy(copy.plan(rest, destination), rest, destination, silent)
    assert silent.done == 1_000_000
    assert len(rest.offsets) == 1
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))
    assert there.waiting() == []


@pytest.mark.parametrize("again", [True, False])
def test_a_beginning_that_rotted_is_sent_again(runs: Runs, there: There, again: bool) -> None:
    wheel = bytes(range(256)) * 20_000
    run = a_run(runs)
    with pytest.raises(StoreError):
        there.take(_CutOff(packed(runs, run, wheels=[wheel]), 3_000_000))
    (begun,) = (there.shared.root / "tmp").glob("partial-*")
    begun.write_bytes(b"rot" + begun.read_bytes()[3:])
    origin = (
        packed(runs, run, wheels=[wheel])
        if again
        else Reader(io.BytesIO(bundle_of(packed(runs, run, wheels=[wheel]))))
    )
    there.take(origin)
    assert there.published() == [run]
    assert there.waiting() == []


class _Slow(_Announced):
    """A origin that waits at the begin of its largest blob until it is told to go on."""

    def __init__(self, parcels: Parcels, reached: threading.Event, go: threading.Event) -> None:
        super().__init__(parcels, *parcels.cards())
        self._reached, self._go = reached, go

    def blobs(self, wanted: Mapping[str, int]) -> Iterator[tuple[str, Readable]]:
        for digest, stream in self._parcels.blobs(wanted):
            self._stream = stream
            yield digest, self

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        if len(data) > 1_000_000 - 1:
            self._reached.set()
            self._go.wait(60)
        return data


def _until_somebody_waits_for(path: Path) -> None:
    inode, until = path.stat().st_ino, time.monotonic() + 60
    while not any(
        "->" in line and f":{inode} " in line
        for line in Path("/proc/locks").read_text().splitlines()
    ):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_two_projects_that_take_the_same_wheel_do_not_write_into_each_others_file(
    runs: Runs, there: There
) -> None:
    """The shared store is the user's, so two imports into two projects meet there."""
    wheel = os.urandom(3_000_000)
    run = a_run(runs)
    neighbour = There(there.top.parent / "neighbour")
    (there.top.parent / "neighbour-home").symlink_to(there.shared.root)
    there.shared.put_bytes(b"makes the store")
    reached, go = threading.Event(), threading.Event()
    slow = threading.Thread(
        target=there.take, args=(_Slow(packed(runs, run, wheels=[wheel]), reached, go),)
    )
    slow.start()
    assert reached.wait(60)
    # The second one comes to the wheel while the first is in the middle of it.
    second = threading.Thread(target=neighbour.take, args=(packed(runs, run, wheels=[wheel]),))
    second.start()
    _until_somebody_waits_for(there.shared.partial(canon.digest_bytes(wheel)))
    go.set()
    slow.join(60)
    second.join(60)
    assert there.published() == neighbour.published() == [run]
    assert there.shared.verify(canon.digest_bytes(wheel))
    assert there.waiting() == neighbour.waiting() == []


HOSTILE = [
    "../../evil",
    "/etc/passwd",
    "a/b",
    "outputs/x",
    "verdicts/../x.json",
    "verdicts/1.json",
    "lock",
    "started.json",
    "record.sha256",
    "outputs",
    "Outputs",
    "verdicts",
    "work",
    "stopped",
    ".hidden",
    "",
    "a\nb",
    "a\0b",
    "x" * 200,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_no_run_has_is_refused(runs: Runs, there: There, name: str) -> None:
    parcels = packed(runs, a_run(runs))
    card = parcels.cards()[0]
    evil = replace(card, members=(*card.members, Member(name=name, digest=card.record)))
    with pytest.raises(BundleRefused):
        there.take(_Announced(parcels, evil))
    assert there.published() == []


def test_names_twice_and_runs_twice_are_refused(runs: Runs, there: There) -> None:
    parcels = packed(runs, a_run(runs))
    card = parcels.cards()[0]
    twice = replace(card, members=(*card.members, Member(name="STDOUT", digest=card.record)))
    for cards in ((card, card), (twice,)):
        with pytest.raises(BundleRefused, match="twice"):
            there.take(_Announced(parcels, *cards))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../../../etc"},
        {"record": "sha256:00"},
        {"commit": "d" * 40},
        {"replay_of": "20261120-153012-brave-otter-3f9c"},
        {"pack": "sha256:" + "1" * 64},
        {"members": ()},
        {"blobs": ()},
        {"memos": {"x": "y" * (1 << 21)}},
    ],
)
def test_a_card_that_lies_is_refused(runs: Runs, there: There, change: dict[str, Any]) -> None:
    parcels = packed(runs, a_run(runs))
    with pytest.raises(BundleRefused):
        there.take(_Announced(parcels, replace(parcels.cards()[0], **change)))
    assert there.published() == []


@pytest.mark.parametrize(
    "name", ["stdout", "outputs.jsonl", "intent.json", "config.yaml", "record.json"]
)
def test_a_file_that_is_not_the_records_is_refused(runs: Runs, there: There, name: str) -> None:
    run = a_run(runs)
    path = runs.path(run) / name
    good = path.read_bytes()
    packing = packed(runs, run)
    path.write_bytes(good.replace(b"e", b"f", 1))
    if name == "record.json":
        (runs.path(run) / "record.sha256").write_text(f"{copy.canon.digest_file(path)}\n")
    with pytest.raises((BundleRefused, StoreDamaged)):
        there.take(packed(runs, run))
    assert there.published() == []
    path.write_bytes(good)
    there.take(packing)
    assert there.published() == [run]


@pytest.mark.parametrize("text", [b"/etc/passwd", b"../../secret", b"results/../../x"])
def test_a_link_out_of_the_outputs_needs_a_word(runs: Runs, there: There, text: bytes) -> None:
    run = a_run(runs, {"results/a": b"1", "link": ("link", text)})
    with pytest.raises(BundleRefused, match="somewhere else"):
        there.take(packed(runs, run))
    assert there.published() == []
    there.outside_links = True
    there.take(packed(runs, run))
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))


def test_an_output_below_a_link_is_refused(runs: Runs, there: There, tmp_path: Path) -> None:
    from reprobox.kit import canon
    from reprobox.model.outcome import OutputFile
    from reprobox.store.output_manifest import outputs_manifest
    from reprobox.store.transfer import arrival_check

    run = a_run(runs, {"a": ("link", b"b")})
    good, _ = runs.record(run)
    below = OutputFile(
        path="a/passwd", kind="file", size=1, mode=0o644, sha256=canon.digest_bytes(b"x")
    )
    outputs = (*runs.outputs(run), below)
    lines = outputs_manifest(outputs)
    summary = replace(good.outputs, manifest=canon.digest_bytes(lines), files=2, size=2)
    with pytest.raises(BundleRefused, match="not a directory"):
        arrival_check.check_outputs(
            packed(runs, run).cards()[0], replace(good, outputs=summary), outputs
        )
