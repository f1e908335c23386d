"""Limits are held, refused, or recorded as not held."""

from __future__ import annotations

import pytest

from reprobox.engine import limits
from reprobox.engine.engines import ENGINES
from reprobox.errors import EngineError
from reprobox.model.outcome import Container

RUN = Container(image="x", argv=("y",), name="z", pids=4096)
ALL = {"memory": True, "cpus": True, "pids": True}


@pytest.mark.parametrize(
    ("engine", "info", "expected"),
    [
        ("docker", {}, ALL),
        ("docker", {"MemoryLimit": False}, {**ALL, "memory": False}),
        ("docker", {"PidsLimit": False}, {**ALL, "pids": False}),
        ("podman", {"PidsLimit": True, "CpuCfsQuota": False}, {**ALL, "cpus": False}),
        # Podman says so without looking whether the controller is there.
        (
            "podman",
            {"PidsLimit": True, "MemoryLimit": False},
            {**ALL, "memory": False, "pids": False},
        ),
    ],
)
def test_what_an_engine_holds(
    engine: str, info: dict[str, bool], expected: dict[str, bool]
) -> None:
    assert limits.held(info, ENGINES[engine]) == expected


def test_what_is_not_held_is_refused_or_left_out() -> None:
    assert limits.applied(RUN, ALL) == RUN
    assert limits.applied(RUN, {**ALL, "pids": False}).pids == 0
    none = dict.fromkeys(ALL, False)
    with pytest.raises(EngineError, match="limit of memory and cpus"):
        limits.applied(Container(image="x", argv=("y",), name="z", memory=1, cpus=1.0), none)
    with pytest.raises(EngineError, match="limit of cpus"):
        limits.applied(Container(image="x", argv=("y",), name="z", cpus=1.0), none)
