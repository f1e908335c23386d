from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from harness_runs import LOCK, NOW, a_finished_run, a_record, a_runspec, an_intent

from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.verdict import Class, Verdict
from reprobox.store import heads, integrity, run_documents
from reprobox.store.collect import collect
from reprobox.store.numbered_files import add_numbered
from reprobox.store.objects import ObjectStore
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.runs import Runs

CONFIG = b"lr: 1\n"


def a_full_run(runs: Runs) -> str:
    """A run with objects, streams, outputs of each kind and a verdict."""
    ObjectStore(runs.root).put_bytes(b"a wheel")
    intent = an_intent(runspec=a_runspec(config_digest=canon.digest_bytes(CONFIG)))
    with runs.begin(intent, {"config.yaml": CONFIG}) as run:
        work, out = run.path / "work", run.path / "out"
        (work / "model").mkdir(parents=True)
        (work / "model" / "weights.pt").write_bytes(bytes(range(256)))
        (work / "latest").symlink_to("model/weights.pt")
        (work / "empty").mkdir()
        (work / "odd \udcff\n").write_bytes(b"x")
        out.mkdir()
        (out / "stdout").write_bytes(b"said\n")
        stdout = run.keep("stdout", out / "stdout")
        found = collect(work, {}, (), run.outputs)
        run.finish(a_record(intent, found.outputs, stdout=stdout), outputs_manifest(found.outputs))
        run.clear_scratch()
    digest = runs.record(intent.id)[1]
    runs.add_verdict(
        intent.id,
        Verdict(
            left=intent.id,
            right=intent.id,
            left_record=digest,
            right_record=digest,
            result=Class.IDENTICAL,
            files=(),
            exit_equal=True,
        ),
    )
    return intent.id


def flip(path: Path) -> None:
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in sorted(root.rglob("*"))
        if path.name not in ("lock", "index.lock")
    }


def test_a_clean_store_has_no_faults_and_is_not_touched(runs: Runs) -> None:
    a_full_run(runs)
    a_finished_run(runs, now=NOW + 1)
    before = snapshot(runs.root)
    report = integrity.check(runs.root)
    assert (report.faults, report.code, report.objects, report.runs) == ((), 0, 1, 2)
    assert snapshot(runs.root) == before


class Told:
    """A progress that adds up what it is told."""

    total = done = 0

    @contextlib.contextmanager
    def task(self, what: str, total: int | None = None) -> Iterator[Told]:
        self.total += total or 0
        yield self

    def update(self, advance: int, note: str = "") -> None:
        self.done += advance

    def note(self, text: str) -> None:
        raise AssertionError(text)


def test_progress_is_told_in_bytes(runs: Runs) -> None:
    a_full_run(runs)
    ObjectStore(runs.root).put_bytes(bytes(300_000))
    told = Told()
    integrity.check(runs.root, told)
    assert told.total == told.done > 300_000


def test_a_line_of_the_log_that_only_a_lenient_reader_takes_is_damage(runs: Runs) -> None:
    a_full_run(runs)
    path = runs.root / "heads.log"
    line = path.read_bytes()
    path.write_bytes(line.replace(b"{", b"{ ", 1))
    assert integrity.check(runs.root).code == 0
    path.write_bytes(line.replace(b"{", b'{"run":"x",', 1))
    assert integrity.check(runs.root).code == integrity.BITS["untrusted"]


def test_a_statement_that_cannot_be_read_is_named(runs: Runs) -> None:
    run = a_full_run(runs)
    add_numbered(runs.path(run), "statements", b"{}")
    assert integrity.check(runs.root).code == 0
    add_numbered(runs.path(run), "statements", b"{")
    (fault,) = integrity.check(runs.root).faults
    assert (fault.what, fault.kind) == (f"run {run}, statements/0002.json", "corrupted")


def an_object(runs: Runs, _: Path) -> Path:
    store = ObjectStore(runs.root)
    return store.path(next(store.iterate()))


def of_run(name: str) -> Callable[[Runs, Path], Path]:
    return lambda _, run: run / name


DAMAGED = [
    (an_object, "object sha256:"),
    (of_run("record.json"), "record.json"),
    (of_run("record.sha256"), "record.json"),
    (of_run("intent.json"), "intent.json"),
    (of_run("outputs.jsonl"), "outputs.jsonl"),
    (of_run("outputs/model/weights.pt"), "outputs/model/weights.pt"),
    (of_run("outputs/odd \udcff\n"), "outputs/odd \udcff\n"),
    (of_run("stdout"), "stdout"),
    (of_run("config.yaml"), "config.yaml"),
    (of_run("verdicts/0001.json"), "verdicts/0001.json"),
]


@pytest.mark.parametrize(("place", "named"), DAMAGED, ids=[named for _, named in DAMAGED])
def test_each_damaged_thing_is_named(
    runs: Runs, place: Callable[[Runs, Path], Path], named: str
) -> None:
    path = place(runs, runs.path(a_full_run(runs)))
    if named.startswith("verdicts"):
        path.write_bytes(path.read_bytes()[:-1])
    else:
        flip(path)
    report = integrity.check(runs.root)
    assert report.code & 1
    assert any(named in fault.what for fault in report.faults if fault.kind == "corrupted")


@pytest.mark.parametrize(
    "name",
    ["outputs/model/weights.pt", "outputs/latest", "outputs/empty", "stdout", "outputs.jsonl"],
)
def test_what_is_gone_is_corrupted(runs: Runs, name: str) -> None:
    path = runs.path(a_full_run(runs)) / name
    path.rmdir() if path.is_dir() else path.unlink()
    report = integrity.check(runs.root)
    assert report.code == 1
    assert all(name in fault.what for fault in report.faults)


def test_a_changed_link_is_corrupted(runs: Runs) -> None:
    path = runs.path(a_full_run(runs)) / "outputs" / "latest"
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert integrity.check(runs.root).code == 1


def test_deleting_a_run_is_noticed(runs: Runs) -> None:
    run_id = a_full_run(runs)
    shutil.rmtree(runs.path(run_id))
    (fault,) = integrity.check(runs.root).faults
    assert (fault.kind, fault.what) == ("untrusted", f"run {run_id}")


def test_removing_a_run_as_it_should_be_is_fine(runs: Runs) -> None:
    runs.remove(a_full_run(runs))
    assert integrity.check(runs.root).code == 0


@pytest.mark.parametrize("announced", [True, False])
def test_a_record_that_was_changed_with_the_seal_of_its_bytes_is_corrupted(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    """The log names the digest of the bytes on the disk; a log of an older version does not."""
    if not announced:
        write = heads.append
        monkeypatch.setattr(heads, "append", lambda *given: write(*given[:4]))
    intent = an_intent(lock=replace(LOCK, python=replace(LOCK.python, executable="/" + "x" * 999)))
    with runs.begin(intent, {"config.yaml": b""}) as run:
        digest = run.finish(a_record(intent), outputs_manifest(()))
    assert [one.short != "" for one in heads.read(runs.root)] == [announced]
    folder = runs.path(intent.id)
    data = (folder / "record.json").read_bytes()
    changed = data.replace(b'"code":0', b'"code":1')
    assert changed != data
    assert len(data) < 3000
    assert runs.record(intent.id, integrity.read_log(runs).announced(intent.id))[1] == digest
    (folder / "record.json").write_bytes(changed)
    (folder / "record.sha256").write_bytes(run_documents.seal(digest, changed))
    faults = [fault for fault in integrity.check(runs.root).faults if fault.kind == "corrupted"]
    assert any("record.json" in fault.what for fault in faults)


def test_putting_back_an_older_record_is_noticed(runs: Runs) -> None:
    run_id = a_full_run(runs)
    folder = runs.path(run_id)
    other = a_record(runs.intent(run_id), code=9)
    (folder / "record.json").write_bytes(codec.encode(other))
    (folder / "record.sha256").write_text(codec.digest(other))
    report = integrity.check(runs.root)
    assert any(
        fault.kind == "untrusted" and "not the one that was announced" in fault.why
        for fault in report.faults
    )


def test_a_broken_chain_is_noticed(runs: Runs) -> None:
    for number in range(3):
        a_finished_run(runs, now=NOW + number)
    path = runs.root / "heads.log"
    lines = path.read_bytes().splitlines(keepends=True)
    for broken in (lines[1:], [lines[0], lines[2]], [lines[0], lines[2], lines[1]], []):
        path.write_bytes(b"".join(broken))
        assert integrity.check(runs.root).code & 2
    path.write_bytes(b"".join(lines))
    assert integrity.check(runs.root).code == 0


def test_a_last_line_that_a_crash_cut_is_not_damage_and_is_repaired(runs: Runs) -> None:
    a_finished_run(runs)
    path = runs.root / "heads.log"
    whole = path.read_bytes()
    for tail in (b'{"event":"rec', b"\0" * 200, b"\0" * 20 + b"\n"):
        path.write_bytes(whole + tail)
        assert integrity.check(runs.root).code == 0
        a_finished_run(runs, now=NOW + 5)
        assert integrity.check(runs.root).code == 0
        whole = path.read_bytes()


def test_a_stranger_among_the_objects_is_untrusted(runs: Runs) -> None:
    a_full_run(runs)
    (runs.root / "objects" / "sha256" / "ab" / "note.txt").write_bytes(b"")
    (runs.root / "outputs-note").write_bytes(b"")
    assert [(fault.kind, fault.what) for fault in integrity.check(runs.root).faults] == [
        ("untrusted", "objects/sha256/ab/note.txt")
    ]


def test_an_added_output_is_untrusted(runs: Runs) -> None:
    run_id = a_full_run(runs)
    (runs.path(run_id) / "outputs" / "more").write_bytes(b"")
    assert integrity.check(runs.root).code == 2


def test_unreadable_is_not_verifiable(runs: Runs) -> None:
    path = runs.path(a_full_run(runs)) / "stdout"
    path.unlink()
    path.symlink_to(path)
    report = integrity.check(runs.root)
    assert [fault.kind for fault in report.faults if "stdout" in fault.what] == ["unverifiable"]


def test_a_directory_of_outputs_that_became_a_link_is_not_followed(runs: Runs) -> None:
    path = runs.path(a_full_run(runs)) / "outputs" / "model"
    path.rename(path.with_name("aside"))
    path.symlink_to("aside")
    report = integrity.check(runs.root)
    assert [fault.kind for fault in report.faults if fault.what.endswith("model/weights.pt")] == [
        "corrupted"
    ]


def test_a_newer_record_is_not_verifiable(runs: Runs) -> None:
    folder = runs.path(a_full_run(runs))
    data = (folder / "record.json").read_bytes().replace(b"reprobox.record/1", b"reprobox.record/2")
    (folder / "record.json").write_bytes(data)
    (folder / "record.sha256").write_text(canon.digest_bytes(data))
    assert integrity.check(runs.root).code == 4 | 2


def test_every_flipped_bit_of_a_run_is_found(runs: Runs) -> None:
    folder = runs.path(a_full_run(runs))
    for name in ("record.json", "outputs.jsonl", "outputs/model/weights.pt", "stdout"):
        whole = (folder / name).read_bytes()
        for bit in range(0, len(whole) * 8, max(1, len(whole) * 8 // 40)):
            data = bytearray(whole)
            data[bit // 8] ^= 1 << bit % 8
            (folder / name).write_bytes(data)
            assert integrity.check(runs.root).code & 1, (name, bit)
        (folder / name).write_bytes(whole)
    assert integrity.check(runs.root).code == 0
    assert os.listdir(runs.root / "tmp") == []


def test_a_run_that_lost_its_intent_is_named_listed_and_never_swept(runs: Runs) -> None:
    run = a_full_run(runs)
    (runs.folder / run / "intent.json").unlink()
    os.utime(runs.folder / run, (1, 1))
    assert [(fault.what, fault.kind) for fault in integrity.check(runs.root).faults] == [
        (f"run {run}, intent.json", "corrupted")
    ]
    assert [(row.id, row.state) for row in runs.list()] == [(run, "damaged")]
    assert runs.sweep(dead=[run]) == ()
    assert (runs.folder / run / "outputs" / "empty").is_dir()
