from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from containers import a_container, no_container
from harness_runs import NOW, a_finished_run, a_record, an_intent, an_output

from reprobox.errors import RunBusy, RunNotFound, StoreDamaged, StoreError
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.store import heads
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.project import open_project
from reprobox.store.runs import Runs


def test_a_run_from_begin_to_record(runs: Runs) -> None:
    intent = an_intent(name="first", tags=("a", "b"))
    outputs = (an_output("b/x"), an_output("a"))
    with runs.begin(intent, {"config.yaml": b"lr: 1\n"}) as run:
        assert runs.held(intent.id)
        assert runs.state(intent.id, no_container).name == "queued"
        assert runs.unfinished() == [intent.id]
        with pytest.raises(RunBusy):
            runs.record(intent.id)
        run.started("f" * 64)
        assert runs.state(intent.id, lambda _: a_container("running")).name == "running"
        (run.path / "out").mkdir()
        (run.path / "out" / "stdout").write_bytes(b"said")
        stdout = run.keep("stdout", run.path / "out" / "stdout")
        assert stdout == canon.digest_bytes(b"said")
        assert run.keep("stderr", run.path / "out" / "stderr") is None
        digest = run.finish(a_record(intent, outputs, stdout=stdout), outputs_manifest(outputs))
        run.clear_scratch()
    record, found = runs.record(intent.id)
    assert found == digest
    assert record.intent == intent
    assert [file.path for file in runs.outputs(intent.id)] == ["a", "b/x"]
    assert runs.state(intent.id, no_container).name == "finished"
    assert not runs.held(intent.id)
    assert runs.unfinished() == []
    assert sorted(os.listdir(runs.path(intent.id))) == [
        "arrival", "config.yaml", "intent.json", "lock", "outputs.jsonl", "record.json", "record.sha256", "started.json", "stdout",
    ]  # fmt: skip
    assert [head.record for head in heads.read(runs.root)] == [digest]
    assert (runs.root / ".gitignore").read_text() == "*\n"


def test_latest_is_the_last_that_came_whatever_the_clock_said(runs: Runs) -> None:
    made = []
    for created in (100.0, 4e9, 200.0):  # the clock was once ahead
        intent = an_intent(created=created)
        runs.begin(intent, {}).release()
        made.append(intent.id)
    assert [runs.find(f"latest~{back}") for back in range(3)] == made[::-1]
    assert [row.id for row in runs.list()] == made[::-1]
    assert [row.arrival for row in runs.list()] == [3, 2, 1]
    (runs.root / "index.sqlite").unlink()
    assert Runs(runs.root).find("latest") == made[2]
    for damage in (b"", b"x"):  # a power cut
        (runs.path(made[1]) / "arrival").write_bytes(damage)
        (runs.root / "index.sqlite").unlink()
        assert Runs(runs.root).find("latest") == made[2]


def test_runs_of_before_there_were_positions_are_older(runs: Runs) -> None:
    made = []
    for created in (300.0, 4e9, 100.0):
        intent = an_intent(created=created)
        runs.begin(intent, {}).release()
        made.append(intent.id)
    for run_id in made[:2]:
        (runs.path(run_id) / "arrival").unlink()
    assert [row.id for row in Runs(runs.root).list()] == made[::-1]


def test_a_record_is_written_once(runs: Runs) -> None:
    run_id = a_finished_run(runs)
    before = runs.record_bytes(run_id)
    with runs.hold(run_id) as run, pytest.raises(StoreError, match="has a record already"):
        run.finish(a_record(runs.intent(run_id), code=3), outputs_manifest(()))
    assert runs.record_bytes(run_id) == before


def test_a_record_about_other_outputs_is_refused(runs: Runs) -> None:
    intent = an_intent()
    with runs.begin(intent, {}) as run:
        with pytest.raises(ValueError, match="not about these outputs"):
            run.finish(a_record(intent), outputs_manifest((an_output("a"),)))
        with pytest.raises(ValueError, match="not this run's"):
            run.finish(a_record(an_intent()), outputs_manifest(()))


def test_an_id_is_given_once(runs: Runs) -> None:
    intent = an_intent()
    with runs.begin(intent, {}), pytest.raises(RunBusy):
        runs.begin(intent, {})
    assert runs.intent(intent.id) == intent


def test_a_begin_that_fails_leaves_no_run(runs: Runs) -> None:
    intent = an_intent()
    with pytest.raises(StoreError):
        runs.begin(intent, {"x" * 300: b""})
    assert runs.ids() == []
    assert os.listdir(runs.folder) == []


def test_the_lock_dies_with_its_holder(runs: Runs) -> None:
    code = f"""
import os, signal, sys
sys.path[:0] = [{str(Path(__file__).parents[1] / "support")!r}]
from pathlib import Path
from harness_runs import an_intent
from reprobox.store.runs import Runs
intent = an_intent()
run = Runs(Path({str(runs.root)!r})).begin(intent, {{}})
print(intent.id, flush=True)
sys.stdin.read()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": os.getcwd()},
    )
    with child:
        assert child.stdout is not None
        run_id = child.stdout.readline().strip()
        assert runs.held(run_id)
        with pytest.raises(RunBusy):
            runs.hold(run_id)
        child.kill()
        child.wait()
    with runs.hold(run_id) as run:
        assert run.id == run_id


@pytest.mark.parametrize("position", [0, 40, -1])
def test_a_changed_byte_of_a_record_is_found(runs: Runs, position: int) -> None:
    run_id = a_finished_run(runs)
    path = runs.path(run_id) / "record.json"
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreDamaged, match="damaged"):
        runs.record(run_id)
    assert [(row.id, row.state) for row in runs.list()] == [(run_id, "damaged")]
    data[position] ^= 1
    path.write_bytes(data)
    assert [row.state for row in runs.list()] == ["finished"]


def test_a_lost_checksum_or_manifest_is_damage(runs: Runs) -> None:
    run_id = a_finished_run(runs)
    (runs.path(run_id) / "outputs.jsonl").unlink()
    with pytest.raises(StoreDamaged):
        runs.outputs(run_id)
    (runs.path(run_id) / "record.sha256").unlink()
    with pytest.raises(StoreDamaged):
        runs.record(run_id)


def test_removing_is_announced_and_refused_while_running(runs: Runs) -> None:
    kept, gone = a_finished_run(runs, now=NOW), a_finished_run(runs, now=NOW + 1)
    with runs.hold(gone), pytest.raises(RunBusy):
        runs.remove(gone)
    locked = runs.path(gone) / "outputs"
    locked.mkdir()
    (locked / "file").write_bytes(b"x")
    locked.chmod(0)
    runs.remove(gone)
    assert runs.ids() == [kept]
    assert [head.event for head in heads.read(runs.root)] == ["record", "record", "removed"]
    assert os.listdir(runs.root / "tmp") == []
    with pytest.raises(RunNotFound):
        runs.record(gone)


def test_a_directory_without_an_intent_never_happened(runs: Runs) -> None:
    path = runs.folder / runs.new_id(NOW)
    path.mkdir()
    assert runs.ids() == []
    assert list(runs.list()) == []
    assert runs.sweep() == ()
    os.utime(path, (1, 1))
    assert runs.sweep() == (path.name,)
    assert not path.exists()


def test_stored_documents_are_the_canonical_bytes(runs: Runs) -> None:
    run_id = a_finished_run(runs, name="n\u00e4me \udcff")
    intent = runs.intent(run_id)
    assert (runs.path(run_id) / "intent.json").read_bytes() == codec.encode(intent)
    assert intent.name == "n\u00e4me \udcff"
    assert runs.path(run_id).stat().st_mode & 0o777 == 0o700


def test_opening_a_project_registers_it(tmp_path: Path) -> None:
    shared = tmp_path / "shared home"
    for _ in range(2):
        open_project(tmp_path, shared=shared)
    (link,) = (shared / "roots").iterdir()
    assert os.readlink(link) == str(tmp_path / ".reprobox")
