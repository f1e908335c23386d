"""What a trial's program is asked by its environment."""

from __future__ import annotations

import pytest

from reprobox.executor import trial_runs
from reprobox.executor.trial_runs import STEPS, Quiet


@pytest.mark.parametrize(("steps", "end"), [(5, "5"), (None, None)])
def test_a_trail_of_some_steps_or_of_all(steps: int | None, end: str | None) -> None:
    found = trial_runs.trail_env(steps)
    assert (found["REPROBOX_TRAIL"], found["REPROBOX_TRAIL_GRADIENTS"]) == ("1", "1")
    assert found.get(STEPS) == end


def test_the_operations_of_one_step_and_an_end_behind_it() -> None:
    assert trial_runs.operations_env(7) == {"REPROBOX_OPTRACE": "6:7", STEPS: "7"}


def test_a_restart_is_preempted_only_where_it_is_asked() -> None:
    assert "REPROBOX_PREEMPT_AT" not in trial_runs.restart_env()
    found = trial_runs.restart_env(preempt=3, grace=1.5)
    assert (found["REPROBOX_PREEMPT_AT"], found["REPROBOX_PREEMPT_GRACE"]) == ("3", "1.5")
    assert found["REPROBOX_RESTART"] == found["REPROBOX_TRAIL"] == "1"


def test_a_trial_s_output_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    Quiet().write("stdout", b"shown before")
    assert capfd.readouterr() == ("", "")
