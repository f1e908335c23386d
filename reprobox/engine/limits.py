"""Which limits an engine that speaks Docker's API holds, by what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reprobox.engine.engines import EngineKind
from reprobox.errors import EngineError
from reprobox.model.outcome import Container

_FACTS = {"memory": "MemoryLimit", "cpus": "CpuCfsQuota", "pids": "PidsLimit"}
_UNLIMITED = 0
"""Docker takes -1 as well, but Podman passes that on, and crun then looks for the controller."""


def held(info: Mapping[str, Any], kind: EngineKind) -> dict[str, bool]:
    """Whether each limit is held, by `GET /info`; a fact that is not there is taken for a yes."""
    found = {name: bool(info.get(fact, True)) for name, fact in _FACTS.items()}
    if kind.claims_pids:
        # systemd delegates both controllers or neither (systemd.resource-control(5), Delegate=).
        found["pids"] = found["pids"] and found["memory"]
    return found


def applied(container: Container, held: Mapping[str, bool]) -> Container:
    """The container with the limits that are held.

    Raises:
        EngineError: memory or processors are limited, and the limit is not held; engines only warn.
            The number of processes, which every run limits, is left unlimited then, and the record
            says so.
    """
    wanted = {"memory": container.memory, "cpus": container.cpus}
    unheld = [name for name, value in wanted.items() if value is not None and not held[name]]
    if unheld:
        raise EngineError(
            f"this engine cannot hold a limit of {' and '.join(unheld)}",
            why="Its control groups do not have it: rootless engines need cgroup v2 and "
            "delegation.",
            next_step=f"leave out `{unheld[0]}`, or choose another engine with DOCKER_HOST",
        )
    if container.pids is not None and not held["pids"]:
        return replace(container, pids=_UNLIMITED)
    return container
