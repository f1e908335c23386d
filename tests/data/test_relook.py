"""Inputs are looked at again when a run has ended; what is mounted is what was hashed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reprobox.cli.messages import Talk
from reprobox.data import mounting, pins, relook
from reprobox.data.pins import Input
from reprobox.errors import InputError
from reprobox.model import observed
from reprobox.model.spec import InputIntent
from reprobox.store.objects import ObjectStore

TALK = Talk(quiet=True, color=False, debug=False)
LONG_AGO = 1_600_000_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    place = tmp_path / "data"
    (place / "empty").mkdir(parents=True)
    for name in "abc":
        (place / name).write_text(name)
    (place / "link").symlink_to("a")
    return place


def pinned(data: Path) -> Input:
    return pins.pin(
        InputIntent(path="data", source=str(data)),
        top=data.parent,
        workdir=".",
        objects=ObjectStore(data.parent / "store"),
        progress=TALK,
    )


def mounted(data: Path, given: Input) -> tuple[mounting.Mounted, Path]:
    run = data.parent / "run"
    run.mkdir(exist_ok=True)
    made = mounting.bring(given, data, run / "0", TALK)
    relook.note(run, [(made, given.pin.manifest)])
    return made, run


def rewrite(path: Path, text: str) -> None:
    time.sleep(0.02)  # the file system's clock moves in steps of up to 10 ms
    path.write_text(text)


CHANGES: dict[str, tuple[Callable[[Path], object], dict[str, list[str]]]] = {
    "nothing": (lambda data: None, {}),
    "other bytes": (lambda data: rewrite(data / "a", "x"), {"changed": ["a"]}),
    "a file that came": (lambda data: (data / "new").write_text("x"), {"new": ["new"]}),
    "a directory that came": (
        lambda data: (data / "empty" / "d").mkdir(),
        {
            "missing": ["empty"],
            "new": ["empty/d"],
        },
    ),
    "a file that went": (lambda data: (data / "b").unlink(), {"missing": ["b"]}),
    "a file that became a link": (
        lambda data: ((data / "b").unlink(), (data / "b").symlink_to("a")),
        {"changed": ["b"]},
    ),
    "another link": (
        lambda data: ((data / "link").unlink(), (data / "link").symlink_to("b")),
        {"changed": ["link"]},
    ),
    "there and back": (
        lambda data: (rewrite(data / "a", "x"), rewrite(data / "a", "a")),
        {"rewritten": ["a"]},
    ),
    "replaced by its like": (
        lambda data: (rewrite(data / "t", "c"), (data / "t").rename(data / "c")),
        {"rewritten": ["c"]},
    ),
    "forged times": (
        lambda data: (rewrite(data / "a", "x"), os.utime(data / "a", (LONG_AGO, LONG_AGO))),
        {"changed": ["a"]},
    ),
    "another link to it": (lambda data: os.link(data / "a", data.parent / "backup"), {}),
    "another mode": (lambda data: (data / "a").chmod(0o755), {"changed": ["a"]}),
    "something that cannot be looked at": (
        lambda data: (data.rename(data.parent / "moved"), data.symlink_to("data")),
        {"unreadable": ["", "a", "b", "c"]},
    ),
    "gone": (lambda data: data.rename(data.parent / "moved"), {"missing": [""]}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_happened_meanwhile_is_named(data: Path, what: str) -> None:
    for name in "abc":
        os.utime(data / name, (LONG_AGO, LONG_AGO))
    if mounting._shares(pinned(data), data.parent / "trial"):
        pytest.skip("this file system shares blocks: the run has a copy of its own")
    _, run = mounted(data, pinned(data))
    act, expected = CHANGES[what]
    act(data)
    found = relook.look(run)
    assert [one["path"] for one in found] == ["/work/data"] * bool(expected)
    kinds = {key: value for one in found for key, value in one.items()}
    kinds.pop("path", None)
    assert kinds.pop("counts", {}) == {key: len(value) for key, value in expected.items()}
    if what == "gone":
        assert kinds["missing"] == [""]
    else:
        assert kinds == expected
    observed.read({"inputs_changed": found})
    assert len(observed.inputs_changed({"inputs_changed": found})) == bool(expected)


def test_a_file_that_was_too_young_to_prove_anything_is_read_again(data: Path) -> None:
    given = pinned(data)
    assert not any(one.settled for one in given.seen if one.kind == "file")
    made, run = mounted(data, given)
    if made.listed is None:
        pytest.skip("this file system shares blocks: the run has a copy of its own")
    assert relook.look(run) == []
    stamp = os.stat(data / "a")
    (data / "a").write_text("x")
    os.utime(data / "a", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert relook.look(run)[0]["changed"] == ["a"]


def test_links_that_lead_out_become_files_of_the_run(data: Path) -> None:
    outside = data.parent / "annex"
    outside.mkdir()
    (outside / "key").write_text("behind")
    (data / "far").symlink_to("../annex/key")
    (data / "folder").symlink_to(outside)
    made, run = mounted(data, pinned(data))
    assert made.source == run / "0"
    assert not (made.source / "far").is_symlink()
    assert (made.source / "far").read_text() == (made.source / "folder/key").read_text() == "behind"
    assert os.readlink(made.source / "link") == "a"
    assert (made.source / "empty").is_dir()
    assert relook.look(run) == []
    time.sleep(0.02)
    (outside / "key").write_text("others")
    changed = relook.look(run)
    # A copy of the run's own does not change; a hard link is the file itself.
    same = (made.source / "far").read_text() == "behind"
    assert [one["changed"] for one in changed] == ([] if same else [["far", "folder/key"]])


def test_an_input_that_changes_before_the_start_is_refused(data: Path) -> None:
    outside = data.parent / "key"
    outside.write_text("one")
    (data / "far").symlink_to(outside)
    given = pinned(data)
    time.sleep(0.02)
    outside.write_text("two")
    with pytest.raises(InputError, match="changed while the run was made ready"):
        mounted(data, given)


def test_large_files_behind_links_to_another_file_system_are_refused_by_name(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = Path("/dev/shm") / f"reprobox-test-{os.getpid()}"
    if not far.parent.is_dir() or far.parent.stat().st_dev == data.stat().st_dev:
        pytest.skip("no second file system")
    far.write_text("behind")
    try:
        (data / "far").symlink_to(far)
        made, _ = mounted(data, pinned(data))
        assert (made.source / "far").read_text() == "behind"
        monkeypatch.setattr(mounting, "_MOST_COPIED", 5)
        (data.parent / "run" / "0").rename(data.parent / "before")
        with pytest.raises(InputError, match="far") as refused:
            mounted(data, pinned(data))
        assert str(far.parent) in str(refused.value.next_step)
    finally:
        far.unlink()


def test_a_run_without_a_note_says_nothing(tmp_path: Path) -> None:
    assert relook.look(tmp_path) == []
