"""Names, tags and notes of a run, as they are kept, and as they travel with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from travelling import There, a_run, bundle_of, packed

from reprobox.errors import BundleRefused, NewerFormat, StoreError
from reprobox.store import annotation_log
from reprobox.store.runs import Runs


def entry(at: float, **said: object) -> bytes:
    document = {"format": "reprobox.annotation/1", "at": at, "by": "a@b", **said}
    return json.dumps(document).encode()


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path / "there")


def say(runs: Runs, run: str, at: float, **said: str) -> None:
    runs.annotate([{"run": run, "at": at, "by": "a@b", **said}])


def test_they_travel_with_the_run_and_are_merged(runs: Runs, there: There) -> None:
    run = a_run(runs)
    say(runs, run, 10.0, name="first")
    say(runs, run, 11.0, tag="paper")
    say(runs, run, 12.0, note="as in\nthe paper")
    assert there.import_(bundle_of(packed(runs, run))).published == (run,)
    came = there.runs.annotation(run)
    assert came == runs.annotation(run)
    assert (came.name, came.added, came.notes[0].text) == ("first", ("paper",), "as in\nthe paper")
    assert [row.name for row in there.runs.list()] == ["first"]
    assert not (there.runs.path(run) / "annotations").exists()
    again = there.import_(bundle_of(packed(runs, run)))
    assert (again.known, again.completed, again.size) == ((run,), (), 0)
    say(there.runs, run, 30.0, name="theirs")
    say(runs, run, 20.0, name="ours")
    say(runs, run, 21.0, untag="paper")
    assert there.import_(bundle_of(packed(runs, run))).completed == (run,)
    merged = there.runs.annotation(run)
    assert (merged.name, merged.added, merged.removed) == ("theirs", (), ("paper",))
    log = there.runs.root / annotation_log.LOG
    assert len(log.read_bytes().splitlines()) == 6


def test_a_run_without_any_gives_the_same_bundle_as_before(runs: Runs) -> None:
    run = a_run(runs)
    before = bundle_of(packed(runs, run))
    say(runs, "20200101-000000-other-run-0000", 1.0, name="other")
    assert bundle_of(packed(runs, run)) == before


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"name": "a", "tag": "b"},
        {"tag": "two\nlines"},
        {"name": 3},
        {"note": "x" * 200_000},
    ],
)
def test_what_no_command_writes_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(BundleRefused):
        annotation_log.decode(entry(1.0, **said), where="it", error=BundleRefused)


def test_a_newer_format_is_named_as_that() -> None:
    newer = entry(1.0, tag="a").replace(b"annotation/1", b"annotation/2")
    with pytest.raises(NewerFormat):
        annotation_log.decode(newer, where="it")


def test_a_log_that_cannot_be_read_is_the_stores_trouble(tmp_path: Path) -> None:
    """And no bug: a directory in its place fails as a disk does."""
    (tmp_path / annotation_log.LOG).mkdir()
    with pytest.raises(StoreError, match="reading annotations failed") as caught:
        annotation_log.read(tmp_path)
    assert caught.value.next_step


def test_a_log_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert annotation_log.size(tmp_path) == 0
    assert annotation_log.read(tmp_path) == {}
