"""SIGKILL and failing system calls at every step; `torture.py` tries every call, this a part of
them.
"""

from __future__ import annotations

import os
import shutil
import signal

import harness_torture
import pytest

LONG = os.environ.get("REPROBOX_TORTURE") == "1"
pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
SCENARIOS = [
    ("write", 20, 45),
    ("tidy", 20, 40),
    ("list", 1, 1),
    ("export", 21, 63),
    ("import", 47, 130),
    ("pull", 83, 245),
    ("push", 50, 121),
]
"""Scenario, and each how many-th call is killed and made fail in the short run."""


@pytest.mark.parametrize(("scenario", "every"), [(name, every) for name, every, _ in SCENARIOS])
def test_no_system_call_is_a_bad_moment_to_die(scenario: str, every: int) -> None:
    tally = harness_torture.kills(scenario, every=1 if LONG else every)
    assert tally.wrong == []
    assert tally.codes[-signal.SIGKILL] == tally.tried > 4


@pytest.mark.parametrize(("scenario", "every"), [(name, every) for name, _, every in SCENARIOS])
def test_a_failing_system_call_is_told_and_does_no_harm(scenario: str, every: int) -> None:
    tally = harness_torture.faults(scenario, every=1 if LONG else every)
    assert tally.wrong == []
    assert tally.codes[3] > 0


def test_writing_in_place_is_noticed() -> None:
    tally = harness_torture.Tally()
    for name, number in harness_torture.points("write", {"write"}, variant="in-place"):
        harness_torture.inject(tally, "write", f"{name}:error=ENOSPC:when={number}", "in-place")
        if tally.wrong:
            break
    assert tally.wrong
