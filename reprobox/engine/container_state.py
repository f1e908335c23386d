"""What the engine says of a container, read."""

from __future__ import annotations

import math
import time
from datetime import datetime
from typing import Any, cast, get_args, get_type_hints

from reprobox.kit.regex import regex
from reprobox.model.outcome import ContainerState

NEVER = "0001-01-01T00:00:00Z"
"""The engine's way to say that a time has not come."""
NOT_FOUND, NOT_EXECUTABLE = 127, 126
_LISTENS = 0.5
"""Seconds after the start when the shim surely listens: an interpreter starts in 0.02 s here, on a
loaded machine in 0.2 s.
"""
_STATUSES = get_args(get_type_hints(ContainerState)["status"])
_NAME = regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
# runc: `exec: "x": executable file not found`, `exec /x: no such file`; crun: `executable file `x`
# not found`.
_NO_PROGRAM = regex(r'\bexec:? ["/]|executable file')


def is_name(text: str) -> bool:
    """Whether the text can be a container's ID or name; other text must not reach a URL, where `..`
    would name another call.
    """
    return _NAME.fullmatch(text) is not None


def read(inspected: dict[str, Any]) -> ContainerState:
    """The answer of `GET /containers/{id}/json`.

    An engine answers exit code 0 for a container that never started, so a code is given only for
    one that has ended, or that could not start because there is no such program in it.
    """
    state = inspected["State"]
    status = state["Status"] if state["Status"] in _STATUSES else "dead"
    ended = status in ("exited", "dead")
    error = state.get("Error", "")
    code = state["ExitCode"] if ended or never_began(status, state["ExitCode"], error) else None
    return ContainerState(
        id=inspected["Id"],
        name=inspected["Name"].removeprefix("/"),
        status=cast("Any", status),
        exit_code=code,
        oom_killed=bool(state.get("OOMKilled")),
        error=error,
        started=_time(state.get("StartedAt", "")),
        finished=_time(state.get("FinishedAt", "")),
        labels=dict(inspected["Config"].get("Labels") or {}),
    )


def never_began(status: str, code: int, error: str) -> bool:
    """Whether the container could not start because its program is not there (127) or cannot be
    executed (126).

    The engine uses 127 for impossible mounts too; only its message distinguishes them.
    """
    return (
        status == "created"
        and code in (NOT_FOUND, NOT_EXECUTABLE)
        and _NO_PROGRAM.search(error) is not None
    )


def age(there: ContainerState, now: float) -> float:
    """Seconds since a container's start; huge for one that has not started, or whose engine's clock
    is ahead of ours.
    """
    if not there.started:
        return math.inf
    seconds = now - datetime.fromisoformat(there.started).timestamp()
    return seconds if seconds >= 0 else math.inf


def until_it_listens(there: ContainerState) -> float:
    """Seconds from now until the first process of a container surely listens for signals: until
    then the kernel drops them (a process 1 without a handler), and a whole grace would pass in
    vain.
    """
    return max(0.0, _LISTENS - age(there, time.time()))


def times(there: ContainerState) -> tuple[float, float] | None:
    """Start and end, in seconds since 1970; None where the engine does not know both."""
    if there.status not in ("exited", "dead") or not there.started or not there.finished:
        return None
    begun, ended = (
        datetime.fromisoformat(text).timestamp() for text in (there.started, there.finished)
    )
    return (begun, ended) if begun < ended else None


def _time(text: str) -> str:
    return "" if text == NEVER else text
