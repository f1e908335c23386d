"""The store after a power cut at any moment; `torture.py` tries every state, this a part of them."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import harness_torture
import harness_trace
import pytest
from harness_powercut import File, Folder, Link, Model
from harness_program import VARIANTS
from harness_trace import Call

LONG = os.environ.get("REPROBOX_TORTURE") == "1"
pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


def test_no_state_after_a_power_cut_loses_or_damages_anything() -> None:
    tally = harness_torture.power_cuts(most=None if LONG else 300)
    assert tally.wrong == []
    assert tally.tried >= 300


@pytest.mark.parametrize("scenario", harness_trace.TRAVEL)
def test_what_travels_is_whole_or_absent_after_a_power_cut(scenario: str) -> None:
    tally = harness_torture.power_cuts(
        "", scenario, limit=16 if LONG else 2, most=None if LONG else 20
    )
    assert tally.wrong == []
    assert tally.tried >= 6


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name])
def test_a_broken_protocol_is_noticed(variant: str) -> None:
    assert harness_torture.power_cuts(variant, most=500, stop_at=1).wrong


def call(name: str, *args: bytes | str, result: int = 0) -> Call:
    return Call(name, args, result, "", 1)


def test_the_model_of_the_disk_is_as_bad_as_posix_allows() -> None:
    model = Model(Path("/r"))
    model.feed(call("openat", "AT_FDCWD", b"/r/a", "O_WRONLY|O_CREAT", "0600", result=3))
    model.feed(call("write", "3", b"1234", result=4))

    def contents() -> set[object]:
        return {state.get(b"a", "absent") for state in model.states(1000, random.Random(0))}

    assert contents() == {"absent", b"", b"12", b"1234", b"\0\0\0\0"}
    model.feed(call("fsync", "3"))
    assert contents() == {"absent", b"1234"}
    model.feed(call("openat", "AT_FDCWD", b"/r", "O_RDONLY|O_DIRECTORY", result=4))
    model.feed(call("fsync", "4"))
    assert contents() == {b"1234"}
    model.feed(call("rename", b"/r/a", b"/r/b"))
    found = {frozenset(state.items()) for state in model.states(1000, random.Random(0))}
    assert found == {
        frozenset({(b"a", b"1234")}),
        frozenset({(b"b", b"1234")}),
        frozenset({(b"a", b"1234"), (b"b", b"1234")}),
        frozenset(),
    }
    model.feed(call("syncfs", "4"))
    assert [set(state) for state in model.states(1000, random.Random(0))] == [{b"b"}]
    assert isinstance(model.root, Folder)
    assert isinstance(model.root.now[b"b"], File)
    model.feed(call("symlink", b"/etc", b"/r/l"))
    assert isinstance(model.root.now[b"l"], Link)
