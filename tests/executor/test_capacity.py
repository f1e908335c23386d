"""Trial runs beside each other: when, and what ends them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flow_project import Project
from harness_runs import a_record, a_runspec, an_intent

from reprobox.executor import capacity
from reprobox.kit.units import lasting
from reprobox.model.record import UNKNOWN, Record
from reprobox.model.spec import Resources
from reprobox.runtime import host

Change = Callable[[str, str], str]


@pytest.mark.parametrize(
    ("cpus", "free", "changes", "peak", "fits"),
    [
        (2, 300, {}, 100, True),
        (1, 300, {}, 100, False),
        (2, 200, {}, 100, False),
        (2, 1 << 40, {}, None, False),
        (2, 300, {"resources": Resources(memory="120b")}, None, True),
        (2, 200, {"resources": Resources(memory="120b")}, None, False),
        (2, 300, {"resources": Resources(memory="64g")}, 100, True),
        (3, 300, {"threads": 2}, 100, False),
        (4, 300, {"threads": 2}, 100, True),
        (9, 300, {"gpus": "all"}, 100, False),
        (9, 300, {"network": "bridge"}, 100, False),
    ],
)
def test_two_go_on_at_once_where_the_machine_is_known_to_have_room(
    monkeypatch: pytest.MonkeyPatch,
    cpus: int,
    free: int,
    changes: dict[str, Any],
    peak: int | None,
    fits: bool,
) -> None:
    monkeypatch.setattr(host, "room", lambda: (cpus, free))
    asked = a_runspec(**changes)
    known = None if peak is None else a_record(an_intent(runspec=asked), met={"peak_memory": peak})
    assert capacity.fit((asked, asked), (known, known)) is fits


def test_this_machine_has_some_room() -> None:
    cpus, free = host.room()
    assert cpus >= 1
    assert free > 1 << 20


def test_how_long_they_take_is_said_only_where_it_is_known() -> None:
    def lasted(seconds: float) -> Record:
        return replace(a_record(an_intent()), duration=seconds)

    assert capacity.duration((lasted(7.2), lasted(70)), at_once=True) == "70 s"
    assert capacity.duration((lasted(100), lasted(200)), at_once=False) == "5 min"
    assert capacity.duration((lasted(7), lasted(UNKNOWN)), at_once=True) == ""
    assert capacity.duration((lasted(7), None), at_once=True) == ""
    assert [lasting(seconds) for seconds in (0.2, 119, 121, 5400, 9000)] == [
        "1 s",
        "119 s",
        "2 min",
        "90 min",
        "2.5 h",
    ]


def containers(project: Project) -> list[str]:
    label = f"label=dev.reprobox.store={project.top}/.reprobox"
    done = subprocess.run(
        ["docker", "ps", "-q", "--filter", label], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


SMALL = "reprobox.memory=64m"  # so that two of them fit
TWO = host.room()[0] > 1  # CPUs


def test_check_says_how_many_runs_it_makes_and_how_long_they_may_take(
    project: Project, change: Change
) -> None:
    said = project("check", SMALL)
    assert said.code == 0, said.err
    assert said.err.startswith(
        "preflight: 2 runs of the first 3 steps, "
        f"{'at the same time' if TWO else 'one after the other'}; no run of"
    )
    project.run()
    said = project("check", "reprobox.threads=4096", "--steps", "1")
    assert said.err.startswith(
        "preflight: 2 runs of the first 1 step, one after the other; no run of it is recorded yet"
    )
    said = project("check")
    assert "; the whole program, twice, would take about " in said.err.splitlines()[0]


def test_a_trial_that_cannot_be_started_says_why_and_leaves_nothing(project: Project) -> None:
    for words in (("check",), ("run", "config.yaml", "--preflight", "1")):
        said = project(*words, "reprobox.network=no-such-network")
        assert said.code == (41 if words[0] == "check" else 125), said.err
        assert "network no-such-network not found" in said.err
        assert "there is no run" not in said.err
    assert project.runs() == []
    assert project.git("for-each-ref", "refs/reprobox") == ""


@pytest.mark.parametrize("begun", [1, 1 + TWO])
def test_an_interrupt_ends_what_has_begun_and_leaves_nothing(
    project: Project, change: Change, begun: int
) -> None:
    change("train.py", "import time\ntime.sleep(300)\n")
    argv = [sys.executable, "-m", "reprobox.cli.main", "check", SMALL]
    with subprocess.Popen(
        argv, cwd=project.top, env=project.env, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        until(lambda: len(containers(project)) == begun)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    assert containers(project) == []
    assert project.runs() == []
    assert project.git("for-each-ref", "refs/reprobox") == ""
