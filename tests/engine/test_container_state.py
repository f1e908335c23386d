"""What an engine says of a container, read."""

from __future__ import annotations

import math
from typing import Any

import pytest

from reprobox.engine import container_state
from reprobox.model.outcome import ContainerState

STARTED = "2026-11-28T04:20:21.5Z"


def said(status: str = "exited", code: int = 0, **state: Any) -> dict[str, Any]:
    return {
        "Id": "ab",
        "Name": "/run",
        "State": {"Status": status, "ExitCode": code, "StartedAt": STARTED, **state},
        "Config": {"Labels": None},
    }


def test_all_of_it() -> None:
    found = container_state.read(said(code=137, OOMKilled=True, FinishedAt=container_state.NEVER))
    assert found == ContainerState(
        id="ab",
        name="run",
        status="exited",
        exit_code=137,
        oom_killed=True,
        error="",
        started=STARTED,
        finished="",
        labels={},
    )


NOT_FOUND = 'exec: "x": executable file not found in $PATH'


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (said("created"), "created", None),
        (said("running"), "running", None),
        (said("stopped", 3), "dead", 3),
        (said("created", 127, Error=NOT_FOUND), "created", 127),
        (said("created", 126, Error="exec /x: permission denied"), "created", 126),
        (said("created", 127, Error="crun: executable file `x` not found"), "created", 127),
        (said("created", 127, Error="mount /x: not a directory"), "created", None),
        (said("created", 1, Error=NOT_FOUND), "created", None),
    ],
)
def test_an_exit_code_is_of_what_has_ended_or_could_not_begin(
    answer: dict[str, Any], status: str, code: int | None
) -> None:
    found = container_state.read(answer)
    assert (found.status, found.exit_code) == (status, code)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("a.b_c-1", True),
        ("", False),
        ("../x", False),
        ("-a", False),
        ("a/b", False),
        ("a" * 256, False),
        ("a\n", False),
    ],
)
def test_names_that_may_reach_a_url(text: str, is_one: bool) -> None:
    assert container_state.is_name(text) is is_one


def test_the_age_of_a_container() -> None:
    there = container_state.read(said("running"))
    begun = 1795839621.5
    assert container_state.age(there, begun + 3) == 3
    assert container_state.age(there, begun - 3) == math.inf
    assert (
        container_state.age(
            container_state.read(said("created", StartedAt=container_state.NEVER)), begun
        )
        == math.inf
    )


@pytest.mark.parametrize(
    ("state", "times"),
    [
        (said(FinishedAt="2026-11-28T04:20:25.5Z"), (1795839621.5, 1795839625.5)),
        (said(FinishedAt="2026-11-28T04:20:20Z"), None),
        (said(FinishedAt=container_state.NEVER), None),
        (said("running", FinishedAt="2026-11-28T04:20:25.5Z"), None),
    ],
)
def test_start_and_end_where_both_are_known(state: Any, times: Any) -> None:
    assert container_state.times(container_state.read(state)) == times
