"""Docker Engine: both protocols of `model.ports` over one connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from reprobox.engine import caller, limits, mark
from reprobox.engine.caller import Caller
from reprobox.engine.containers import Containers
from reprobox.engine.engine_images import FinishedStep, Images
from reprobox.engine.engines import kind_of
from reprobox.engine.faults import speaking
from reprobox.engine.link import Link
from reprobox.model.home import EngineHome
from reprobox.model.image import EngineImage
from reprobox.model.outcome import Container
from reprobox.model.ports import Progress


class DockerEngine(Containers):
    """An engine at `base_url`, or where DOCKER_HOST says, or at the usual socket; connected when
    first asked something.

    Implements `ImageEngine` and `RunEngine`. Safe to use from several threads.
    """

    def __init__(self, base_url: str | None = None, progress: Progress | None = None) -> None:
        super().__init__(Link(base_url))
        self._images = Images(self._link, self, progress)
        self._home: EngineHome | None = None

    @property
    def address(self) -> str:
        """Where the engine is reached, as DOCKER_HOST would say it."""
        return self._link.address

    def info(self) -> dict[str, Any]:
        """What a record keeps of the engine; JSON values only.

        Raises:
            EngineUnavailable: no engine answers.
        """
        with speaking("ask the engine about itself"):
            return _facts(self._link.version(), self._link.info())

    @property
    def is_local(self) -> bool:
        """Whether the engine is on this host, as far as its address says."""
        return self._link.socket_path is not None

    def gpu_devices(self) -> tuple[str, ...]:
        """The CDI devices that the engine can hand over."""
        return self._gpus.known()

    def home(self) -> EngineHome:
        """What distinguishes this engine from others; asked once.

        Raises:
            EngineUnavailable: no engine answers.
        """
        if self._home is None:
            with speaking("ask the engine about itself"):
                info = self._link.info()
            self._home = EngineHome(
                id=info.get("ID", ""),
                root=info.get("DockerRootDir", ""),
                mark=mark.read(self._link),
            )
        return self._home

    def mark(self) -> str:
        """The engine's mark (see `engine.mark`), made when it has none."""
        made = mark.make(self._link)
        self._home = None
        return made

    def caller(self) -> Caller:
        """The user that stands for the caller in a run's container.

        Raises:
            EngineError: this engine cannot give the caller files of its own.
            EngineUnavailable: no engine answers.
        """
        with speaking("ask the engine about itself"):
            info = self._link.info()
        return caller.of(info, self._link.socket_path)

    def inspect(self, reference: str) -> EngineImage | None:
        """An image by ID, tag or digest; None when the engine does not have it."""
        return self._images.inspect(reference)

    def containerd_store(self) -> bool:
        """Whether images live in the containerd store."""
        return self._images.containerd_store()

    def chains(self, label: str | None = None, family: str = "") -> list[tuple[str, ...]]:
        """Diff IDs, bottom first, of every image here (that carries the label, and has only
        RepoDigests of a family).
        """
        return self._images.chains(label, family)

    def load(self, chunks: Iterable[bytes]) -> None:
        """Loads an image archive."""
        self._images.load(chunks)

    def tag(self, reference: str, tag: str) -> None:
        """Names an image."""
        self._images.tag(reference, tag)

    def remove_image(self, reference: str) -> None:
        """Forgets an image or tag; absent is fine."""
        self._images.remove_image(reference)

    def pull(self, reference: str) -> EngineImage:
        """Pulls by digest or tag."""
        return self._images.pull(reference)

    def push(self, reference: str) -> str:
        """Sends a named image to its registry; its address by digest there."""
        return self._images.push(reference)

    def save(self, reference: str) -> Iterator[bytes]:
        """The image as an archive."""
        return self._images.save(reference)

    def build(
        self, context: Path, dockerfile: str, tag: str, say: Callable[[str], None]
    ) -> EngineImage:
        """Builds a user's Dockerfile."""
        return self._images.build(context, dockerfile, tag, say)

    def on_terminal(self, container_id: str, argv: Sequence[str]) -> int:
        """Runs a program in a running container on the user's terminal; its exit code."""
        from reprobox.engine import terminal

        return terminal.run(self._link, container_id, argv)

    def step(self, container: Container) -> AbstractContextManager[FinishedStep]:
        """Runs a build step to its end."""
        return self._images.step(container)


def _facts(version: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    parts = {part["Name"]: part["Version"] for part in version.get("Components") or ()}
    return {
        "name": (version.get("Platform") or {}).get("Name") or "Docker Engine",
        "version": version.get("Version", ""),
        "api": version.get("ApiVersion", ""),
        "containerd": parts.get("containerd", ""),
        "runc": parts.get("runc", ""),
        "storage": info.get("Driver", ""),
        "containerd_store": ["driver-type", "io.containerd.snapshotter.v1"]
        in (info.get("DriverStatus") or []),
        "cgroup": {
            "version": info.get("CgroupVersion", "1"),
            "driver": info.get("CgroupDriver", ""),
        },
        "runtimes": sorted(info.get("Runtimes") or {}),
        "default_runtime": info.get("DefaultRuntime", ""),
        "cdi": list(info.get("CDISpecDirs") or ()),
        "security": list(info.get("SecurityOptions") or ()),
        "id": info.get("ID", ""),
        "kernel": info.get("KernelVersion", ""),
        "os": info.get("OperatingSystem", ""),
        "architecture": info.get("Architecture", ""),
        "cpus": info.get("NCPU", 0),
        "memory": info.get("MemTotal", 0),
        "root": info.get("DockerRootDir", ""),
        "users": caller.mode(info),
        "limits": limits.held(info, kind_of(version)),
        "live_restore": bool(info.get("LiveRestoreEnabled")),
    }
