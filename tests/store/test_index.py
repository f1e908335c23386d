from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness_runs import NOW, a_finished_run, a_record, an_intent

from reprobox.errors import StoreError
from reprobox.kit import canon, files
from reprobox.model.outcome import ContainerState
from reprobox.store import index, run_row
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.run_ids import new_id
from reprobox.store.runs import Runs


def listed(runs: Runs) -> list[str]:
    return [row.id for row in runs.list()]


def test_the_list_follows_the_directories(runs: Runs) -> None:
    assert listed(runs) == []
    first = a_finished_run(runs, now=NOW)
    assert listed(runs) == [first]
    second = a_finished_run(runs, now=NOW + 1)
    assert listed(runs) == [second, first]
    runs.remove(first)
    assert listed(runs) == [second]
    intent = an_intent(now=NOW + 2)
    with runs.begin(intent, {}) as run:
        assert [(row.id, row.state) for row in runs.list(limit=1)] == [(intent.id, "queued")]
        run.finish(a_record(intent, code=4), outputs_manifest(()))
    (row,) = runs.list(limit=1)
    assert (row.state, row.exit_code, row.reason, row.duration, row.commit) == (
        "failed",
        4,
        "exited",
        1.0,
        "c" * 40,
    )


def test_runs_are_found_by_time_and_by_commit(runs: Runs) -> None:
    a, b, c = (a_finished_run(runs, now=NOW + 10 * number) for number in range(3))
    assert [row.id for row in runs.list(since=NOW + 10, until=NOW + 20)] == [b]
    assert [row.id for row in runs.list(until=NOW + 20)] == [b, a]
    assert [row.id for row in runs.list(commit="c" * 7, limit=1)] == [c]
    assert len(list(runs.list(commit="c" * 40))) == 3
    assert list(runs.list(commit="d")) == []
    assert list(runs.list(commit="cd")) == []


def test_a_run_made_in_the_same_tick_as_a_list_is_not_missed(runs: Runs) -> None:
    made = []
    for number in range(40):
        made.append(a_finished_run(runs, now=NOW + number))
        assert listed(runs)[0] == made[-1]


def test_filters(runs: Runs) -> None:
    a = a_finished_run(runs, now=NOW, name="base", tags=("x", "long tag"))
    b = a_finished_run(runs, now=NOW + 10, name="base line", tags=("xx",), code=1)
    c = a_finished_run(runs, now=NOW + 20, replay_of=a)
    open_intent = an_intent(now=NOW + 30, tags=("x",))
    with runs.begin(open_intent, {}) as run:
        run.started("f" * 64)
    d = open_intent.id
    assert listed(runs) == [d, c, b, a]
    assert [row.id for row in runs.list(name="base")] == [a]
    assert [row.id for row in runs.list(name="base*")] == [b, a]
    assert [row.id for row in runs.list(tag="x")] == [d, a]
    assert [row.id for row in runs.list(tag="long tag")] == [a]
    assert [row.id for row in runs.list(state="failed")] == [b]
    assert [row.id for row in runs.list(since=NOW + 15)] == [d, c]
    assert [row.id for row in runs.list(replay_of=a)] == [c]
    assert [row.id for row in runs.list(state="finished", limit=1)] == [c]
    assert [row.state for row in runs.list(limit=1)] == ["open"]
    assert [row.id for row in runs.list(state="lost", containers=lambda _: None)] == [d]
    alive = ContainerState(id="f" * 64, name="x", status="running")
    assert [row.id for row in runs.list(state="running", containers=lambda _: alive)] == [d]


def truth(runs: Runs) -> list[tuple[str, str]]:
    return [(row.id, row.state) for row in runs.list()]


def test_a_damaged_or_foreign_index_is_made_again(runs: Runs) -> None:
    for number in range(5):
        a_finished_run(runs, now=NOW + number)
    expected = truth(runs)
    path = runs.root / "index.sqlite"
    whole = path.read_bytes()
    for damaged in (
        b"",
        b"not a database" * 100,
        whole[:3000],
        bytes(len(whole)),
        whole[:100] + bytes(2000) + whole[2100:],
    ):
        path.write_bytes(damaged)
        assert truth(runs) == expected
    for statement in (
        "PRAGMA user_version = 99",
        "DROP TABLE runs",
        "UPDATE runs SET tags = 5",
        "DELETE FROM facts",
    ):
        database = sqlite3.connect(path)
        database.execute(statement)
        database.commit()
        database.close()
        assert truth(runs) == expected
    path.unlink()
    path.mkdir()
    assert truth(runs) == expected


def test_a_store_on_a_full_disk_can_still_be_listed(runs: Runs) -> None:
    run_id = a_finished_run(runs)
    code = f"""
import resource, signal
from pathlib import Path
from reprobox.store.runs import Runs
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
(row,) = Runs(Path({str(runs.root)!r})).list()
assert row.id == {run_id!r}
"""
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": os.getcwd()}, check=True)


def test_too_many_open_files_is_an_error_and_never_a_shorter_list(runs: Runs) -> None:
    for number in range(3):
        a_finished_run(runs, now=NOW + number)
    code = f"""
import os, resource
from pathlib import Path
from reprobox.errors import StoreError
from reprobox.store.runs import Runs
runs = Runs(Path({str(runs.root)!r}))
hold, told, right, tries = [], 0, 0, 0
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
try:
    while True:
        hold.append(os.dup(0))
except OSError:
    pass
while hold:
    os.close(hold.pop())
    Path({str(runs.root)!r}, "index.sqlite").unlink(missing_ok=True)
    try:
        right += len(list(runs.list())) == 3
    except StoreError as error:
        told += "ulimit" in error.next_step
    else:
        tries += 1
if not told or not right or right != tries:
    raise SystemExit(f"told {{told}}, right {{right}} of {{tries}}")
"""
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": os.getcwd()}, check=True)


def test_a_run_that_cannot_be_read_is_an_error(runs: Runs) -> None:
    run_id = a_finished_run(runs)
    path = runs.path(run_id)
    path.rename(path.with_name("aside"))
    path.symlink_to(path)
    with pytest.raises(StoreError):
        list(runs.list())


def names_read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Gets a directory each time that its names are read."""
    folders: list[Path] = []
    real = index._names
    monkeypatch.setattr(index, "_names", lambda folder: folders.append(folder) or real(folder))
    return folders


def just_changed(runs: Runs) -> None:
    """Gives the runs a time that the clock has passed, by less than proves something alone."""
    moment = time.time_ns() - 10**9
    os.utime(runs.folder, ns=(moment, moment))


def test_names_are_read_once_after_a_change(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_finished_run(runs)
    just_changed(runs)
    folders = names_read(monkeypatch)
    for _ in range(3):
        assert listed(Runs(runs.root)) == [run]
    assert folders == [runs.folder]
    assert os.listdir(runs.root / "tmp") == []


def test_a_change_at_the_same_moment_is_seen(runs: Runs) -> None:
    later = time.time_ns() + 3600 * 10**9
    first = a_finished_run(runs)
    os.utime(runs.folder, ns=(later, later))
    assert listed(runs) == [first]
    second = a_finished_run(runs, now=NOW + 1)
    os.utime(runs.folder, ns=(later, later))
    assert listed(runs) == listed(Runs(runs.root)) == [second, first]


def test_without_a_clock_a_young_time_proves_nothing(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_finished_run(runs)
    (runs.root / "tmp").rmdir()
    later = time.time_ns() + 3600 * 10**9
    os.utime(runs.folder, ns=(later, later))
    folders = names_read(monkeypatch)
    assert listed(runs) == listed(Runs(runs.root)) == [run]
    assert folders == [runs.folder] * 2


def test_each_of_many_runs_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(tmp_path / ".reprobox")
    original = runs.path(a_finished_run(runs))
    intent, record = (original / "intent.json").read_text(), (original / "record.json").read_text()
    for number in range(1000):
        run_id = new_id(NOW + number)
        path = runs.folder / run_id
        path.mkdir()
        data = record.replace(original.name, run_id)
        (path / "intent.json").write_text(intent.replace(original.name, run_id))
        (path / "record.json").write_text(data)
        (path / "record.sha256").write_text(canon.digest_bytes(data.encode()))
    read: list[str] = []
    real = run_row.read
    monkeypatch.setattr(
        run_row, "read", lambda folder, name: read.append(name) or real(folder, name)
    )
    assert len(list(runs.list(limit=20))) == 20
    assert len(read) == len(set(read)) == 1001
    fresh = Runs(tmp_path / ".reprobox")
    assert len(list(fresh.list())) == 1001
    new = a_finished_run(fresh, now=NOW + 5000)
    assert len(list(fresh.list())) == 1002
    assert read[1001:].count(new) == len(read[1001:]) <= 2


def names_compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets how many names there are each time that all of them are compared with the rows."""
    counts: list[int] = []
    real = index.Index._compare_all

    def compare(self: index.Index, database: sqlite3.Connection, here: set[str]) -> None:
        counts.append(len(here))
        real(self, database, here)

    monkeypatch.setattr(index.Index, "_compare_all", compare)
    return counts


def test_younger_runs_are_found_without_comparing_all_names(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [a_finished_run(runs)]
    just_changed(runs)
    counts = names_compared(monkeypatch)
    assert listed(runs) == found
    for number in (1, 2):
        found.insert(0, a_finished_run(runs, now=NOW + number))
        os.utime(runs.folder, ns=(time.time_ns() - (20 - number) * 10**9,) * 2)
        assert listed(Runs(runs.root)) == found
    assert counts == []


@pytest.mark.parametrize("what", ["older", "gone", "marked", "swapped", "no run"])
def test_all_names_are_compared_where_more_happened_than_younger_runs(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    first, second = a_finished_run(runs, now=NOW - 60), a_finished_run(runs)
    just_changed(runs)
    assert listed(runs) == [second, first]
    third = a_finished_run(runs, now=NOW + 60)
    kept = {first, second, third}
    if what in ("older", "swapped"):
        kept.add(a_finished_run(runs, now=NOW - 30))
    if what in ("gone", "swapped"):
        shutil.rmtree(runs.folder / first)
        kept.remove(first)
    elif what == "marked":
        runs.remove(second)
        kept.remove(second)
    elif what == "no run":
        (runs.folder / "zzz").mkdir()
    os.utime(runs.folder, ns=(time.time_ns() - 10**10,) * 2)
    counts = names_compared(monkeypatch)
    assert set(listed(Runs(runs.root))) == kept
    assert len(counts) == 1


def test_an_index_that_another_version_brought_up_to_date_is_compared(runs: Runs) -> None:
    first, second = a_finished_run(runs), a_finished_run(runs, now=NOW + 1)
    just_changed(runs)
    assert listed(runs) == [second, first]
    with contextlib.closing(sqlite3.connect(runs.root / "index.sqlite")) as database:
        # It saw the run gone, at another time of the directory, and knows no table of names.
        database.execute("DELETE FROM runs WHERE id = ?", (first,))
        database.execute("UPDATE facts SET seen = seen + 1")
        database.commit()
    assert listed(Runs(runs.root)) == [second, first]


def test_an_index_that_is_damaged_in_a_session_is_made_again(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_finished_run(runs)
    assert listed(runs) == [run]
    with contextlib.closing(sqlite3.connect(runs.root / "index.sqlite")) as database:
        database.execute("DROP TABLE facts")
    real = files.locked
    # A lock that waits for this process itself fails here, instead of waiting for ever.
    monkeypatch.setattr(
        index.files, "locked", lambda path, **given: real(path, **{**given, "wait": False})
    )
    with runs.index.session():
        assert listed(runs) == [run]
    with contextlib.closing(sqlite3.connect(runs.root / "index.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM facts").fetchall() == [(1,)]
