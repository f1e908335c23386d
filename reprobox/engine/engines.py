"""The container engines that are known, by name. Those that speak Docker's API differ in data
alone; one that speaks another is a module with `open` (see `apptainer.engine`), and a row.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprobox.engine import endpoint, user_settings
from reprobox.engine.endpoint import Endpoint
from reprobox.errors import EngineUnavailable
from reprobox.kit.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from reprobox.engine.engine import Engine
    from reprobox.model.ports import Progress


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
    claims_pids: bool = False
    """Whether it says that it limits the number of processes without looking whether it can."""
    scheme: str = ""
    """What its addresses begin with; empty for those that speak Docker's API."""
    open: Callable[[str | None, Progress | None], Engine]
    """Makes the engine at an address (None: where it usually is); it is connected later."""


def _podman(environment: Mapping[str, str]) -> Endpoint | None:
    """The socket of `podman system service`: CONTAINER_HOST, the user's, the system's."""
    if host := environment.get("CONTAINER_HOST"):
        return Endpoint(address=host, said_by="CONTAINER_HOST")
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    for path in (Path(runtime) / "podman/podman.sock", Path("/run/podman/podman.sock")):
        if os.access(path, os.W_OK):
            return Endpoint(address=f"unix://{path}", said_by="podman's socket")
    return None


def _apptainer(environment: Mapping[str, str]) -> Endpoint | None:
    """The directory of its images and containers, where there is the program."""
    from shutil import which

    if which("apptainer", path=environment.get("PATH")) is None:
        return None
    return Endpoint(address=f"{APPTAINER}{_directory(environment)}", said_by="apptainer in PATH")


def _directory(environment: Mapping[str, str]) -> Path:
    """Where Apptainer's images are unpacked: REPROBOX_APPTAINER or `apptainer:` of settings.yaml
    (such as a local disk of a node whose home is on a network), else in the user's shared store.
    """
    place = environment.get("REPROBOX_APPTAINER") or user_settings.read(environment).get(
        "apptainer"
    )
    if place:
        return Path(os.path.expandvars(place)).expanduser().absolute()
    if home := environment.get("REPROBOX_HOME"):
        return Path(home).absolute() / "apptainer"
    data = environment.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(data).absolute() / "reprobox" / "apptainer"


def _open_docker(address: str | None, progress: Progress | None) -> Engine:
    from reprobox.engine.docker import DockerEngine

    return DockerEngine(address, progress)


def _open_apptainer(address: str | None, progress: Progress | None) -> Engine:
    from reprobox.engine.apptainer.engine import ApptainerEngine

    place = _directory(os.environ) if address is None else address.removeprefix(APPTAINER)
    return ApptainerEngine(Path(place))


APPTAINER = "apptainer://"
CHOICE = "REPROBOX_ENGINE"
ENGINES: dict[str, EngineKind] = {
    "docker": EngineKind(
        name="docker",
        component="Engine",
        find=endpoint.find,
        start="sudo systemctl start docker",
        gpu_hook=True,
        open=_open_docker,
    ),
    "podman": EngineKind(
        name="podman",
        component="Podman Engine",
        find=_podman,
        start="systemctl --user start podman.socket",
        gpu_hook=False,
        profile_in_a_file=True,
        claims_pids=True,
        cdi_directories=("/etc/cdi", "/var/run/cdi"),
        open=_open_docker,
    ),
    "apptainer": EngineKind(
        name="apptainer",
        component="Apptainer",
        find=_apptainer,
        start="install Apptainer (apptainer.org)",
        gpu_hook=False,
        scheme=APPTAINER,
        open=_open_apptainer,
    ),
}


def find(environment: Mapping[str, str] = os.environ) -> Endpoint:
    """Where the engine is: the one that REPROBOX_ENGINE names; DOCKER_HOST or a docker context;
    `engine:` of the user's settings.yaml; Docker's usual socket; where that does not exist,
    Podman's, or Apptainer.

    Raises:
        EngineUnavailable: an engine or a docker context is named that is not there.
    """
    if name := environment.get(CHOICE):
        return _named(name, CHOICE, environment)
    docker = endpoint.find(environment)
    if not docker.said_by and (name := user_settings.read(environment).get("engine")):
        return _named(name, f"`engine:` in {user_settings.place(environment)}", environment)
    if docker.said_by or Path(docker.address.removeprefix("unix://")).exists():
        return docker
    others = (ENGINES[name].find(environment) for name in ("podman", "apptainer"))
    return next(filter(None, others), docker)


def connect(address: str | None = None, progress: Progress | None = None) -> Engine:
    """The engine at an address, or the one that `find` finds; connected when it is first asked
    something.
    """
    if address is None:
        try:
            address = find().address
        except EngineUnavailable:
            return _open_docker(None, progress)  # which says why when it is asked
        found = _of_address(address)
        return found.open(address if found.scheme else None, progress)
    return _of_address(address).open(address, progress)


def choosing(address: str) -> str:
    """The variables that choose the engine at an address, as a shell takes them."""
    kind = _of_address(address)
    if kind.scheme:
        place = shlex.quote(address.removeprefix(kind.scheme))
        return f"{CHOICE}={kind.name} REPROBOX_{kind.name.upper()}={place}"
    return f"DOCKER_HOST={shlex.quote(address)}"


def _of_address(address: str) -> EngineKind:
    others = (k for k in ENGINES.values() if k.scheme and address.startswith(k.scheme))
    return next(others, ENGINES["docker"])


def _named(name: str, by: str, environment: Mapping[str, str]) -> Endpoint:
    kind = ENGINES.get(name)
    if kind is None:
        raise EngineUnavailable(
            f"{by} names the engine {name!r}, which is not known",
            next_step=f"set it to one of: {', '.join(sorted(ENGINES))}",
        )
    found = kind.find(environment)
    if found is None:
        raise EngineUnavailable(
            f"{by} names {name}, and it is not here",
            next_step=f"{kind.start}, or name another one there",
        )
    return found


def kind_of(version: Mapping[str, Any]) -> EngineKind:
    """What answers, by its `GET /version`."""
    names = {part.get("Name") for part in version.get("Components") or ()}
    others = (kind for kind in ENGINES.values() if kind.component in names)
    return next(others, ENGINES["docker"])
