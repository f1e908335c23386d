"""The container engines that are known, by name. All of these speak Docker's API; what differs is
data. One that speaks another (Apptainer has none) becomes a class and a row.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprobox.engine import endpoint
from reprobox.engine.endpoint import Endpoint


@dataclass(frozen=True, kw_only=True)
class EngineKind:
    """A kind of engine."""

    name: str
    component: str
    """The name of its component in `GET /version`."""
    find: Callable[[Mapping[str, str]], Endpoint | None]
    """Where such an engine is by the environment; None where none is to be expected."""
    gpu_hook: bool
    """Whether `--gpus` works without CDI, by the vendor's runtime hook."""
    profile_in_a_file: bool = False
    """Whether it takes a seccomp profile by the name of a file, and not the profile itself."""
    cdi_directories: tuple[str, ...] = ()
    """Where it reads CDI specifications, if it does not say so itself."""


def _podman(environment: Mapping[str, str]) -> Endpoint | None:
    """The socket of `podman system service`: CONTAINER_HOST, the user's, the system's."""
    if host := environment.get("CONTAINER_HOST"):
        return Endpoint(address=host, said_by="CONTAINER_HOST")
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    for path in (Path(runtime) / "podman/podman.sock", Path("/run/podman/podman.sock")):
        if os.access(path, os.W_OK):
            return Endpoint(address=f"unix://{path}", said_by="podman's socket")
    return None


ENGINES: dict[str, EngineKind] = {
    "docker": EngineKind(name="docker", component="Engine", find=endpoint.find, gpu_hook=True),
    "podman": EngineKind(
        name="podman",
        component="Podman Engine",
        find=_podman,
        gpu_hook=False,
        profile_in_a_file=True,
        cdi_directories=("/etc/cdi", "/var/run/cdi"),
    ),
}


def find(environment: Mapping[str, str] = os.environ) -> Endpoint:
    """Where the engine is: what `docker` would use; Podman's socket where that is Docker's usual
    one and nothing is there.

    Raises:
        EngineUnavailable: a docker context is named that cannot be read.
    """
    docker = endpoint.find(environment)
    if docker.said_by or Path(docker.address.removeprefix("unix://")).exists():
        return docker
    return ENGINES["podman"].find(environment) or docker


def kind_of(version: Mapping[str, Any]) -> EngineKind:
    """What answers, by its `GET /version`."""
    names = {part.get("Name") for part in version.get("Components") or ()}
    others = (kind for kind in ENGINES.values() if kind.component in names)
    return next(others, ENGINES["docker"])
