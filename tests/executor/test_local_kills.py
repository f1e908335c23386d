"""Supervisors killed at random instants, and at their system calls; with REPROBOX_TORTURE=1 five
hundred, and at all of them.
"""

from __future__ import annotations

import os

import harness_kills
import pytest
from flow_project import Project

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def test_killed_supervisors_lose_nothing_and_leave_nothing(project: Project) -> None:
    project.write("config.yaml", harness_kills.CONFIG)
    project.write("job.sh", harness_kills.JOB)
    project.commit("a job")
    tally = harness_kills.kills(project, 500 if os.environ.get("REPROBOX_TORTURE") else 100)
    assert tally.wrong == []
    assert tally.states["finished"] > 0
    assert tally.states["failed"] > 0
    assert tally.states["never began"] > 0
    assert tally.acknowledged > 0


def test_supervisors_killed_at_their_system_calls_lose_nothing_and_leave_nothing(
    project: Project,
) -> None:
    project.write("config.yaml", harness_kills.CONFIG)
    project.write("job.sh", harness_kills.JOB)
    project.commit("a job")
    tally = harness_kills.kills_at_calls(
        project, None if os.environ.get("REPROBOX_TORTURE") else 24
    )
    assert tally.wrong == []
    assert tally.tried >= 24
    assert tally.states["never began"] > 0
    assert tally.states["finished"] + tally.states["failed"] > 0
