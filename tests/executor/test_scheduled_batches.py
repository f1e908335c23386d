"""How runs are packed into the tasks of a batch, and how seldom a scheduler is asked about them.

The scheduler here only notes what it is asked; test_slurm.py has the real one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from harness_runs import NOW, a_runspec, an_intent

from reprobox.cli.messages import Talk
from reprobox.commands import sweep as sweep_command
from reprobox.config.cluster import SlurmSettings
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.executor import executors, scheduled_executor, scheduled_runs, schedulers, slurm
from reprobox.executor.base import Job
from reprobox.executor.scheduler import Batch, JobState
from reprobox.executor.slurm import Slurm
from reprobox.model.runspec import Resources
from reprobox.model.sweep import Search, Sweep, Trial
from reprobox.store import attempts
from reprobox.store.project import open_project
from reprobox.store.sweeps import Sweeps


class Noting(Slurm):
    """Slurm's words, with a controller that only notes them."""

    def __init__(self, most: int) -> None:
        super().__init__(SlurmSettings)
        self.asked: Counter[str] = Counter()
        self.batches: list[Batch] = []
        self.cancelled: list[str] = []
        self.known: dict[str, JobState] | None = None
        self._most = most

    def cluster(self) -> str:
        self.asked["cluster"] += 1
        return "here"

    def grace(self) -> float:
        return 1.0

    def most_tasks(self) -> int:
        return self._most

    def submit(self, batch: Batch) -> str:
        self.batches.append(batch)
        return "9"

    def cancel(self, jobs: Sequence[str], *, kill: bool) -> None:
        self.asked["cancel"] += 1
        self.cancelled += jobs

    def states(self) -> Mapping[str, JobState]:
        self.asked["states"] += 1
        if self.known is not None:
            return self.known
        return {f"9_{task}": JobState(name="queued", word="PENDING") for task in range(9)}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    made = Context(start=tmp_path, progress=Talk(quiet=True), _top=tmp_path)
    made.__dict__["runs"] = open_project(tmp_path)
    made.__dict__["engine"] = SimpleNamespace(find=lambda _labels: ())
    monkeypatch.setattr(scheduled_executor.refs, "keep_all", lambda *_: None)
    monkeypatch.setattr(scheduled_executor, "holder", lambda *_: None)
    return made


def submitted(
    context: Context, monkeypatch: pytest.MonkeyPatch, runs: int, *, pack: int, most: int = 1000
) -> tuple[Noting, list[str]]:
    """Runs with a limit of ten minutes each, submitted together; their ids."""
    scheduler = Noting(most)
    monkeypatch.setattr(schedulers, "of", lambda *_: scheduler)
    limited = a_runspec(resources=Resources(timeout=600))
    intents = [an_intent(now=NOW + number, runspec=limited) for number in range(runs)]
    job = Job(config=b"", inputs=(), image="image")
    works = [(intent, job) for intent in intents]
    executors.of(context, "slurm").submit_all(works, pack=pack)
    return scheduler, [intent.id for intent in intents]


@pytest.mark.parametrize(
    ("runs", "pack", "most", "tasks", "minutes"),
    [
        (7, 1, 1000, [0, 1, 2, 3, 4, 5, 6], 11),
        (7, 3, 1000, [0, 0, 0, 1, 1, 2, 2], 33),
        (7, 7, 1000, [0] * 7, 77),
        (7, 100, 1000, [0] * 7, 77),
        (7, 1, 2, [0, 0, 0, 0, 1, 1, 1], 44),  # the cluster takes fewer tasks
        (7, 3, 2, [0, 0, 0, 0, 1, 1, 1], 44),
    ],
)
def test_runs_are_packed_and_a_task_has_the_time_of_all_of_its_runs(
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    runs: int,
    pack: int,
    most: int,
    tasks: list[int],
    minutes: int,
) -> None:
    scheduler, ids = submitted(context, monkeypatch, runs, pack=pack, most=most)
    (batch,) = scheduler.batches
    assert batch.tasks == max(tasks) + 1
    assert batch.runs_of_a_task == max(Counter(tasks).values())
    assert f"--time={minutes}" in list(slurm._needs(batch, ""))
    lines = (context.runs.root / "batches" / ids[0] / "tasks.jsonl").read_text().splitlines()
    assert [json.loads(line)["task"] for line in lines] == tasks
    for run, task in zip(ids, tasks, strict=True):
        given = attempts.scheduled(context.runs.path(run))
        assert given is not None
        assert given.job == (f"9_{task}" if max(tasks) else "9")
        assert given.alone == (len(set(tasks)) == runs)
    rows = {row.id: row.arrival for row in context.runs.index.rows()}
    assert [rows[run] for run in ids] == list(range(1, runs + 1))


@pytest.mark.parametrize("runs", [2, 9])
def test_a_scheduler_is_asked_once_about_all_trials(
    context: Context, monkeypatch: pytest.MonkeyPatch, runs: int
) -> None:
    scheduler, ids = submitted(context, monkeypatch, runs, pack=1)
    store = Sweeps(context.runs.root)
    made = Sweep(
        id=store.new_id(NOW),
        commit="c" * 40,
        config_path="config.yaml",
        overrides=(f"scale=range({runs})",),
        created=NOW,
        on="slurm",
    )
    store.begin(made)
    for number, run in enumerate(ids):
        store.claim(made.id, Trial(number=number, run=run, overrides=(f"scale={number}",)))
    scheduler.asked.clear()
    states = [one.state for one in sweep_command.status(context, made.id).trials]
    assert states == ["queued"] * runs
    assert scheduler.asked["states"] <= 2  # what is over is recorded first, then all are shown
    assert scheduler.asked["cluster"] <= 2


def test_a_job_ends_with_the_last_of_its_runs_that_is_stopped(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler, ids = submitted(context, monkeypatch, 7, pack=3)  # tasks 0 0 0 1 1 2 2
    executor = executors.of(context, "slurm")
    executor.cancel(ids[0], kill=False)
    executor.cancel(ids[2], kill=False)
    assert scheduler.cancelled == []  # the second run of the task is still to be executed
    executor.cancel(ids[1], kill=False)
    assert scheduler.cancelled == ["9_0"]
    scheduler.cancelled.clear()
    scheduler.asked.clear()
    assert executor.cancel_all([ids[3], *ids[5:]], kill=False) == [ids[3], *ids[5:]]
    assert scheduler.cancelled == ["9_2"]
    assert scheduler.asked["cancel"] == 1
    # What the list of the batch does not say is left to the workers.
    (context.runs.root / "batches" / ids[0] / "tasks.jsonl").write_text("{")
    executor.cancel(ids[4], kill=False)
    assert scheduler.cancelled == ["9_2"]
    stopped = [one for one in ids if (context.runs.path(one) / "stopped").exists()]
    assert stopped == ids


def test_all_jobs_of_a_sweep_are_ended_with_one_request(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler, ids = submitted(context, monkeypatch, 9, pack=1)
    assert executors.of(context, "slurm").cancel_all(ids, kill=False) == ids
    assert scheduler.cancelled == [f"9_{number}" for number in range(9)]
    assert scheduler.asked["cancel"] == 1


def test_runs_whose_tasks_the_scheduler_has_as_one_job_or_not_at_all(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm shows tasks that were cancelled before they started, some of an array, as one job with
    the id of the array; later it forgets them.
    """
    scheduler, ids = submitted(context, monkeypatch, 4, pack=1)
    cancelled = JobState(name="over", word="CANCELLED", reason="interrupted")
    running = JobState(name="running", word="RUNNING", node="n1")
    scheduler.known = {"9": cancelled, "9_1": running, "9_2": running, "9_3": running}
    scheduled_runs.settle(context)
    assert [context.runs.finished(one) for one in ids] == [True, False, False, False]
    ended = context.runs.record(ids[0])[0].exit
    assert (ended.code, ended.reason) == (130, "interrupted")
    assert ended.message == "The scheduler ended its job: CANCELLED. It had not started."
    scheduler.known = {"9": running, "9_3": running}
    executors.of(context, "slurm").cancel(ids[1], kill=False)
    scheduled_runs.settle(context)
    stopped, lost = (context.runs.record(one)[0].exit for one in ids[1:3])
    assert (stopped.code, stopped.reason) == (130, "interrupted")
    assert stopped.message == "It was stopped before it started."
    assert (lost.code, lost.reason) == (125, "lost")
    assert "does not know its job any more" in lost.message
    assert not context.runs.finished(ids[3])


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        (["7"], ["7"]),
        (["7_3"], ["7_3"]),
        ([f"7_{number}" for number in (0, 1, 2, 5, 9, 10)], ["7_[0-2,5,9-10]"]),
        (["8", "7_1", "7_0", "6_4", "6_6"], ["8", "7_[0-1]", "6_[4,6]"]),
        ([], []),
    ],
)
def test_many_tasks_of_an_array_are_one_word(jobs: list[str], words: list[str]) -> None:
    assert slurm._ranges(jobs) == words


def test_more_runs_than_this_process_may_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1024, 4096)]
    monkeypatch.setattr(scheduled_executor.resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(
        scheduled_executor.resource, "setrlimit", lambda _, pair: limits.append(pair)
    )
    scheduled_executor._allow_open(500)
    assert limits == [(1024, 4096)]
    scheduled_executor._allow_open(3000)
    assert limits[-1] == (3256, 4096)
    with pytest.raises(UsageError, match="4000 runs cannot be submitted at once") as caught:
        scheduled_executor._allow_open(4000)
    assert "several sweeps" in (caught.value.next_step or "")


@pytest.mark.parametrize(
    ("on", "search", "why"),
    [
        ("local", None, "trials on this host have no tasks"),
        (
            "slurm",
            Search(sampler="random", trials=2, metric="m", goal="minimize"),
            "submits each trial when it is chosen",
        ),
    ],
)
def test_what_cannot_be_packed_is_refused(
    context: Context, on: str, search: Search | None, why: str
) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        sweep_command.begin(
            context, Path("config.yaml"), ("scale=1,2",), on=on, search=search, pack=2
        )
    assert "--pack" in (caught.value.next_step or "")


def test_a_sweep_of_before_packing_has_the_same_bytes() -> None:
    from reprobox.model import codec

    plain = Sweep(id="s", commit="c", config_path="config.yaml", overrides=())
    assert b"pack" not in codec.encode(plain)
    packed = Sweep(id="s", commit="c", config_path="config.yaml", overrides=(), pack=4)
    assert codec.decode(Sweep, codec.encode(packed), where="here") == packed
