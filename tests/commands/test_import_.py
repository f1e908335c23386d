"""The real `reprobox import`, with git below it: killed, and failed by the disk, in the middle."""

from __future__ import annotations

import os
import shutil
import signal

import harness_command
import pytest

LONG = os.environ.get("REPROBOX_TORTURE") == "1"
pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


def test_a_killed_import_is_brought_to_its_end_by_a_second_one() -> None:
    tally = harness_command.kills(100 if LONG else 4)
    assert tally.wrong == []
    assert tally.codes[-signal.SIGKILL] >= 4


def test_a_disk_that_fails_is_told_without_a_traceback() -> None:
    tally = harness_command.faults(200 if LONG else 5)
    assert tally.wrong == []
    assert tally.codes[52] >= 3
