"""Inputs are looked at again when a run has ended; what is mounted is what was hashed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mounted_inputs import mounted, pinned

from reprobox.data import mounting, relook
from reprobox.model import observed

LONG_AGO = 1_600_000_000


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


def test_a_run_without_a_note_says_nothing(tmp_path: Path) -> None:
    assert relook.look(tmp_path) == []


def test_what_an_earlier_reprobox_noted_is_looked_at_too(data: Path, tmp_path: Path) -> None:
    info = os.stat(data / "a")
    stamp = {"device": info.st_dev, "inode": info.st_ino, "size": 1}
    stamp |= {"mtime": info.st_mtime_ns, "ctime": info.st_ctime_ns}
    row = {"path": "a", "kind": "file", "where": str(data / "a"), "digest": "sha256:0", "size": 1}
    look = {"path": "/work/data", "listed": None, "version": 2, "rows": [row | {"stamp": stamp}]}
    document = {"format": "reprobox.inputs/1", "looks": [look]}
    (tmp_path / relook.NAME).write_text(json.dumps(document))
    assert relook.look(tmp_path) == []
    rewrite(data / "a", "x")
    assert relook.look(tmp_path) == [
        {"path": "/work/data", "counts": {"changed": 1}, "changed": ["a"]}
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "reprobox.inputs/2"}', "{"])
def test_a_note_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / relook.NAME).write_text(text)
    assert relook.look(tmp_path) == []
