"""The table of schedulers."""

from __future__ import annotations

import inspect

import pytest

from reprobox.errors import SchedulerError
from reprobox.executor import schedulers
from reprobox.executor.scheduler import Scheduler


@pytest.mark.parametrize("name", sorted(schedulers.SCHEDULERS))
def test_each_has_what_the_protocol_asks(name: str) -> None:
    made = schedulers.of(name)
    for method, member in vars(Scheduler).items():
        if inspect.isfunction(member) and not method.startswith("_"):
            ours = inspect.signature(getattr(made, method)).parameters
            theirs = inspect.signature(member).parameters
            assert list(ours) == list(theirs)[1:], method


def test_an_unknown_one_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SchedulerError, match="'pbs'") as caught:
        schedulers.of("pbs")
    assert caught.value.next_step == "one of: slurm"


def test_outside_of_a_job_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    assert schedulers.here() is None
