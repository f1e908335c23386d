"""Runs of a scheduler whose files are damaged: an answer, never a wait without end.

The scheduler here has forgotten every job; test_slurm.py has the real one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from harness_runs import NOW, a_record, an_intent

from reprobox.cli.messages import Talk
from reprobox.commands import sweep as sweep_command
from reprobox.context import Context
from reprobox.errors import ReproboxError, RunBusy, StoreDamaged, StoreError
from reprobox.executor import executors, scheduled_executor, scheduled_runs, schedulers
from reprobox.executor.scheduler import JobState
from reprobox.model import codec
from reprobox.model.scheduled import Scheduled, Try
from reprobox.model.sweep import Sweep, Trial
from reprobox.store import attempts, integrity
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.project import open_project
from reprobox.store.runs import Runs
from reprobox.store.sweeps import Sweeps

JOB = "7"
Damage = Callable[[Path], object]


class Forgetful:
    """A scheduler that knows no job any more."""

    def cluster(self) -> str:
        return "here"

    def states(self) -> Mapping[str, JobState]:
        return {}


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: list[str]) -> Context:
    monkeypatch.setattr(schedulers, "of", lambda *_: Forgetful())
    monkeypatch.setattr(scheduled_executor, "_ASK", (0.0, 0.0))
    monkeypatch.setattr(scheduled_executor, "_LOOK", (0.0, 0.0))
    made = Context(start=tmp_path, progress=Talk(quiet=True), _top=tmp_path)
    monkeypatch.setattr(made.progress, "note", notes.append)
    made.__dict__["runs"] = open_project(tmp_path)
    made.__dict__["engine"] = SimpleNamespace(find=lambda _labels: ())
    return made


def submitted(runs: Runs, *, now: float = NOW) -> Path:
    """A run whose worker wrote its record and died before that became the run's."""
    host = {"name": "slurm cluster here", "user": "someone"}
    intent = an_intent(now=now, host=host, engine={})
    given = Scheduled(
        executor="slurm", cluster="here", name="reprobox", job=JOB, grace=1.0, submitted=now
    )
    extra = {"config.yaml": b"", attempts.SCHEDULED: codec.encode(given)}
    runs.begin(intent, extra).release()
    run = runs.path(intent.id)
    store = attempts.begin(run, Try(name="7.0", node="n1", job=JOB, began=now))
    with store.begin(intent, {"config.yaml": b""}) as held:
        held.started("f" * 64)
        held.outputs.mkdir()
        held.finish(a_record(intent), outputs_manifest(()))
    return run


def collected(context: Context, run: Path) -> int:
    return executors.of_run(context, run.name).collect(run.name).exit.code


def text(name: str, content: str) -> Damage:
    return lambda run: (run / name).write_text(content)


NOTE = "attempts/7.0/attempt.json"
RECORD = "attempts/7.0/runs/{0}/record.json"


def changed_record(run: Path) -> None:
    path = run / RECORD.format(run.name)
    path.write_bytes(path.read_bytes().replace(b'"exited"', b'"Exited"'))


@pytest.mark.parametrize(
    "damage",
    [
        text(NOTE, "not JSON"),
        text(NOTE, ""),
        text(NOTE, '{"format":"reprobox.attempt/1","name":"other","node":"n","began":1.0}'),
        lambda run: (run / NOTE).unlink(),
        lambda run: (run / NOTE).write_bytes(b"\xff\x00"),
    ],
    ids=["words", "empty", "another", "gone", "bytes"],
)
def test_a_damaged_note_of_an_attempt_loses_no_run(context: Context, damage: Damage) -> None:
    run = submitted(context.runs)
    damage(run)
    assert scheduled_runs.state(context, run.name).name == "running"
    faults = [fault.what for fault in integrity.check(context.runs.root).faults]
    expected = [f"run {run.name}, {NOTE}"] if (run / NOTE).exists() else []
    assert faults == expected
    assert collected(context, run) == 0
    assert context.runs.record(run.name)[0].exit.message.startswith("The scheduler") is False


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (changed_record, "the record of the attempt"),
        (text(attempts.WINNER, ""), "the file winner of run"),
        (text(attempts.WINNER, "../../elsewhere"), "the file winner of run"),
        (text(attempts.WINNER, "8.0\n"), "the record of attempt 8.0 of run"),
        (text(attempts.SCHEDULED, "{"), "the submission of"),
        (text(attempts.SCHEDULED, "{}"), "the submission of"),
        (lambda run: (run / attempts.SCHEDULED).unlink(), "the submission of run"),
    ],
    ids=["record", "empty", "outside", "missing", "cut-off", "not-one", "gone"],
)
def test_damage_ends_a_wait_with_an_error(context: Context, damage: Damage, said: str) -> None:
    run = submitted(context.runs)
    damage(run)
    for ask in (
        lambda: collected(context, run),
        lambda: list(executors.of_run(context, run.name).logs(run.name, follow=True)),
    ):
        with pytest.raises(StoreDamaged) as caught:
            ask()
        assert said in caught.value.what
        assert caught.value.next_step == f"reprobox rm --abandon {run.name}"
    assert not context.runs.finished(run.name)


@pytest.mark.parametrize("damage", [changed_record, text(attempts.SCHEDULED, "{")])
def test_damage_of_one_run_keeps_no_other_from_its_record(
    context: Context, damage: Damage, notes: list[str]
) -> None:
    broken, whole = submitted(context.runs), submitted(context.runs, now=NOW + 5)
    damage(broken)
    scheduled_runs.settle(context)
    assert context.runs.finished(whole.name)
    (note,) = notes
    assert f"run {broken.name} cannot be finished yet" in note
    assert note.endswith(f"next: reprobox rm --abandon {broken.name}")
    listed = {
        row.id: row.state
        for row in context.runs.list(
            containers=lambda _: None, elsewhere=scheduled_runs.elsewhere(context)
        )
    }
    unfinished = "damaged" if damage is not changed_record else "running"
    assert listed == {broken.name: unfinished, whole.name: "finished"}
    assert any(broken.name in fault.what for fault in integrity.check(context.runs.root).faults)


@pytest.mark.parametrize("damage", [changed_record, text(attempts.SCHEDULED, "{")])
def test_a_sweep_does_not_wait_for_a_trial_that_is_damaged(
    context: Context, damage: Damage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_command, "_ASK", 0.0)
    broken, whole = submitted(context.runs), submitted(context.runs, now=NOW + 5)
    store = Sweeps(context.runs.root)
    made = Sweep(
        id=store.new_id(NOW),
        commit="c" * 40,
        config_path="config.yaml",
        overrides=("lr=1,2",),
        on="slurm",
    )
    store.begin(made)
    for number, run in enumerate((broken, whole)):
        store.claim(made.id, Trial(number=number, run=run.name, overrides=(f"lr={number + 1}",)))
    damage(broken)
    with pytest.raises(StoreDamaged):
        sweep_command.drive(context, made, jobs=None, report=lambda _: None)
    states = [one.state for one in sweep_command.status(context, made.id).trials]
    assert states == ["running" if damage is changed_record else "damaged", "finished"]


def test_a_submission_that_is_gone_before_any_attempt_is_missed(context: Context) -> None:
    intent = an_intent(host={"name": "slurm cluster here", "user": "someone"}, engine={})
    context.runs.begin(intent, {"config.yaml": b""}).release()
    with pytest.raises(StoreDamaged, match=r"the submission of run .* is missing"):
        executors.of_run(context, intent.id)


@pytest.mark.parametrize("failures", [2, 3])
def test_a_store_that_fails_for_a_while_is_waited_for(
    context: Context, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    run, publish = submitted(context.runs), attempts.publish
    faults: list[ReproboxError] = [StoreError("the disk is full", next_step="df")] * failures

    def failing(*args: object) -> str:
        if faults:
            raise faults.pop()
        return publish(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(attempts, "publish", failing)
    if failures < scheduled_executor._TRIES:
        assert collected(context, run) == 0
        return
    with pytest.raises(RunBusy, match="could not be recorded") as caught:
        collected(context, run)
    assert (caught.value.why, caught.value.next_step) == ("the disk is full", "df")


def test_an_attempt_gets_a_name_of_its_own_next_to_one_whose_note_is_damaged(
    context: Context,
) -> None:
    run = submitted(context.runs)
    (run / NOTE).write_text("")
    assert attempts.names(run) == ["7.0"]
    (only,) = attempts.tries(run)
    assert (only.name, only.outcome) == ("7.0", "")


def test_two_that_complete_a_run_at_once_disturb_neither(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker and a command: what one of them moved away, the other has looked for."""
    run, complete, root = submitted(context.runs), attempts._complete, context.runs.root
    times: list[int] = []

    def disturbed(*args: object) -> None:
        times.append(1)
        if len(times) == 1:  # a temporary file of ours was moved before it had its name
            raise FileNotFoundError(2, "No such file or directory", ".tmp-1 -> final.json")
        complete(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(attempts, "_complete", disturbed)
    assert attempts.publish(root, run.name, "7.0") == "7.0"
    assert (len(times), context.runs.finished(run.name)) == (2, True)
    other = submitted(context.runs, now=NOW + 9)

    def overtaken(*args: object) -> None:
        complete(*args)  # type: ignore[arg-type]
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(attempts, "_complete", overtaken)
    assert attempts.publish(root, other.name, "7.0") == "7.0"
    assert context.runs.record(other.name)[0].exit.code == 0


def test_sixteen_threads_complete_one_run_once(context: Context) -> None:
    run, root = submitted(context.runs), context.runs.root
    gate = threading.Barrier(16)

    def publish(_: int) -> str:
        gate.wait(60)
        return attempts.publish(root, run.name, "7.0")

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(publish, range(16))) == {"7.0"}
    assert context.runs.finished(run.name)
    assert not [path.name for path in run.iterdir() if path.name.startswith(".tmp")]
    assert integrity.check(root).faults == ()
