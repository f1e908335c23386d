"""The container engines that are known, by name. All of these speak Docker's API; what differs is
data. One that speaks another (Apptainer has none) becomes a class and a row.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reprobox.engine import endpoint
from reprobox.engine.endpoint import Endpoint
from reprobox.errors import EngineUnavailable
from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class EngineKind:
    """A kind of engine."""

    name: str
    component: str
    """The name of its component in `GET /version`."""
    find: Callable[[Mapping[str, str]], Endpoint | None]
    """Where such an engine is by the environment; None where none is to be expected."""
    start: str
    """The command that starts it."""
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


CHOICE = "REPROBOX_ENGINE"
ENGINES: dict[str, EngineKind] = {
    "docker": EngineKind(
        name="docker",
        component="Engine",
        find=endpoint.find,
        start="sudo systemctl start docker",
        gpu_hook=True,
    ),
    "podman": EngineKind(
        name="podman",
        component="Podman Engine",
        find=_podman,
        start="systemctl --user start podman.socket",
        gpu_hook=False,
        profile_in_a_file=True,
        cdi_directories=("/etc/cdi", "/var/run/cdi"),
    ),
}


def find(environment: Mapping[str, str] = os.environ) -> Endpoint:
    """Where the engine is: the one that REPROBOX_ENGINE names, else what `docker` would use, else
    Podman's socket where Docker's usual one does not exist.

    Raises:
        EngineUnavailable: an engine or a docker context is named that is not there.
    """
    if name := environment.get(CHOICE):
        return _named(name, environment)
    docker = endpoint.find(environment)
    if docker.said_by or Path(docker.address.removeprefix("unix://")).exists():
        return docker
    return ENGINES["podman"].find(environment) or docker


def _named(name: str, environment: Mapping[str, str]) -> Endpoint:
    kind = ENGINES.get(name)
    if kind is None:
        raise EngineUnavailable(
            f"{CHOICE} names the engine {name!r}, which is not known",
            next_step=f"set it to one of: {', '.join(sorted(ENGINES))}",
        )
    found = kind.find(environment)
    if found is None:
        raise EngineUnavailable(
            f"{CHOICE} names {name}, and no socket of it is there",
            next_step=f"{kind.start}, or unset {CHOICE}",
        )
    return found


def kind_of(version: Mapping[str, Any]) -> EngineKind:
    """What answers, by its `GET /version`."""
    names = {part.get("Name") for part in version.get("Components") or ()}
    others = (kind for kind in ENGINES.values() if kind.component in names)
    return next(others, ENGINES["docker"])
