from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from harness_runs import EMPTY, NOW, a_finished_run, a_record, an_intent, an_output

from reprobox.errors import RunAmbiguous, RunBusy, RunNotFound, StoreDamaged, StoreError
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.outcome import ContainerState, Exit
from reprobox.model.verdict import Class, Verdict
from reprobox.store import heads, run_ids
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.project import open_project
from reprobox.store.runs import Runs


def no_container(_: str) -> ContainerState | None:
    return None


def a_container(status: str, code: int | None = None) -> ContainerState:
    return ContainerState(id="f" * 64, name="x", status=status, exit_code=code)  # type: ignore[arg-type]


def test_ids_are_sortable_readable_and_fresh(runs: Runs) -> None:
    first = runs.new_id(NOW)
    assert first.startswith("20261120-153012-")
    assert run_ids.is_id(first)
    assert run_ids.created(first) == NOW
    assert runs.new_id(NOW + 1) > first
    adjectives, animals = run_ids._words()
    assert (len(set(adjectives)), len(set(animals))) == (64, 64)
    tries = iter([True, True, False])
    run_ids.new_id(NOW, lambda _: next(tries))
    assert list(tries) == []


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


STATES = [
    (True, False, None, "queued"),
    (True, True, None, "running"),
    (True, True, a_container("exited", 0), "running"),
    (False, True, a_container("running"), "running"),
    (False, True, a_container("paused"), "running"),
    (False, True, a_container("exited", 0), "running"),
    (False, False, None, "interrupted"),
    (False, False, a_container("created"), "interrupted"),
    (False, True, a_container("created"), "interrupted"),
    (False, True, None, "lost"),
    (False, True, a_container("removing"), "lost"),
]


@pytest.mark.parametrize(("held", "started", "container", "expected"), STATES)
def test_state_is_computed_from_what_is_there(
    runs: Runs, held: bool, started: bool, container: ContainerState | None, expected: str
) -> None:
    intent = an_intent()
    with runs.begin(intent, {}) as run:
        if started:
            run.started("f" * 64)
        if not held:
            run.release()
        asked: list[str] = []
        state = runs.state(intent.id, lambda name: asked.append(name) or container)
    assert state.name == expected
    assert asked == ["f" * 64 if started else intent.container]
    assert state.supervised is held
    assert state.container is container
    assert state.over is (expected not in ("queued", "running"))


EXITS = [
    (Exit(code=0, reason="exited"), "finished"),
    (Exit(code=3, reason="exited"), "failed"),
    (Exit(code=137, reason="oom"), "failed"),
    (Exit(code=139, reason="signal", signal=11), "failed"),
    (Exit(code=143, reason="timeout"), "timeout"),
    (Exit(code=127, reason="not-found"), "failed"),
    (Exit(code=130, reason="interrupted", message="by the user"), "interrupted"),
    (Exit(code=255, reason="engine"), "interrupted"),
    (Exit(code=0, reason="lost"), "lost"),
]


@pytest.mark.parametrize(("exit_", "expected"), EXITS)
def test_an_engine_fault_is_never_a_failure(runs: Runs, exit_: Exit, expected: str) -> None:
    intent = an_intent()
    with runs.begin(intent, {}) as run:
        run.finish(a_record(intent, exit=exit_), outputs_manifest(()))
    assert runs.state(intent.id, no_container).name == expected
    assert [row.state for row in runs.list()] == [expected]


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


def test_verdicts_are_numbered_and_never_replaced(runs: Runs) -> None:
    run_id = a_finished_run(runs)
    verdict = Verdict(
        left=run_id,
        right=run_id,
        left_record=EMPTY,
        right_record=EMPTY,
        result=Class.IDENTICAL,
        files=(),
        exit_equal=True,
    )
    paths = [
        runs.add_verdict(run_id, replace(verdict, checked=float(number))) for number in range(12)
    ]
    assert [path.name for path in paths[:2]] == ["0001.json", "0002.json"]
    assert [found.checked for found in runs.verdicts(run_id)] == [
        float(number) for number in range(12)
    ]
    paths[3].unlink()
    assert runs.add_verdict(run_id, verdict).name == "0013.json"
    with pytest.raises(RunNotFound):
        runs.add_verdict(runs.new_id(), verdict)


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


def test_a_run_is_found_by_all_its_names(runs: Runs) -> None:
    first = a_finished_run(runs, now=NOW, name="baseline")
    second = a_finished_run(runs, now=NOW + 60, name="baseline", replay_of=first)
    third = a_finished_run(runs, now=NOW + 3600, name="wide")
    assert runs.find(first) == first
    assert runs.find("latest") == third
    assert (runs.find("latest~1"), runs.find("latest~2")) == (second, first)
    assert runs.find("baseline") == first
    assert runs.find("wide") == third
    assert runs.find(third[:15]) == third
    assert runs.find(third[16:]) == third
    with pytest.raises(RunAmbiguous) as caught:
        runs.find("20261120-15")
    assert first in caught.value.why
    assert caught.value.why.index(second) < caught.value.why.index(first)
    fourth = a_finished_run(runs, now=NOW + 7200, name="baseline")
    with pytest.raises(RunAmbiguous) as caught:
        runs.find("baseline")
    assert second not in caught.value.why
    assert runs.find("latest") == fourth


@pytest.mark.parametrize(
    "reference", ["", "latest~9", "nothing", "../../etc", "x' OR 1=1 --", "latest~", "\udcff"]
)
def test_what_means_nothing_is_not_found(runs: Runs, reference: str) -> None:
    a_finished_run(runs, now=NOW, name="baseline")
    a_finished_run(runs, now=NOW)
    with pytest.raises(RunNotFound):
        runs.find(reference)


def test_the_nearest_name_is_suggested(runs: Runs) -> None:
    run_id = a_finished_run(runs, name="baseline")
    with pytest.raises(RunNotFound, match="Did you mean baseline"):
        runs.find("basline")
    with pytest.raises(RunNotFound, match=run_id):
        runs.find(run_id[:-1] + ("0" if run_id[-1] != "0" else "1"))


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


def test_a_run_whose_container_goes_unstarted_is_unborn_and_not_lost(runs: Runs) -> None:
    with runs.begin(an_intent("20261120-153010-brave-otter-0000"), {}) as run:
        run.started("f" * 64)
        assert runs.started(run.id) is not None
        for _ in range(2):  # whoever comes after a death takes it back again
            run.not_started()
            assert runs.started(run.id) is None
