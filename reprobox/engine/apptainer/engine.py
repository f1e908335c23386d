"""Apptainer: both protocols of `model.ports`, without a daemon.

It holds what others compose: it unpacks images, starts them and supervises them. It makes no
layers, because dpkg needs more users than an ordinary user has, and talks to no registry, because
what it would pull could not be named by our digests; so images come from the lock's layers, from an
archive in the store, or from a bundle.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from reprobox.engine import container_state
from reprobox.engine.apptainer import command, program
from reprobox.engine.apptainer.boxes import Boxes
from reprobox.engine.apptainer.command import Means
from reprobox.engine.apptainer.program import Program
from reprobox.engine.apptainer.sandboxes import Sandboxes
from reprobox.engine.caller import Caller
from reprobox.engine.gpu import cdi
from reprobox.engine.gpu.vendors import DEFAULT
from reprobox.errors import EngineError, EngineUnavailable, GpuUnavailable, ImageMissing
from reprobox.kit import files
from reprobox.model.home import EngineHome
from reprobox.model.image import EngineImage
from reprobox.model.outcome import Container, ContainerState
from reprobox.model.ports import Step

SCHEME = "apptainer://"
"""Of the address of an engine: its directory follows."""
CDI_DIRECTORIES = ("/etc/cdi", "/var/run/cdi")
_ELSEWHERE = (
    "make it where Docker or Podman is: the layers are then in the store ($REPROBOX_HOME), and a "
    "bundle of `reprobox export --with all` carries the image"
)


class ApptainerEngine:
    """The images and containers below a directory.

    Implements `ImageEngine` and `RunEngine`. Safe to use from several threads.
    """

    def __init__(self, root: Path, cdi_directories: Sequence[str] = CDI_DIRECTORIES) -> None:
        self._root, self._cdi_directories = root, tuple(cdi_directories)
        self._images = Sandboxes(root)
        self._boxes = Boxes(root / "containers")

    @cached_property
    def _program(self) -> Program:
        path = program.found()
        if path is None:
            raise EngineUnavailable(
                "there is no `apptainer` in PATH",
                next_step="install Apptainer, or choose another engine with REPROBOX_ENGINE",
            )
        found = Program(path)
        found.version  # noqa: B018 - refuses one that does not work
        found.require_settings()
        return found

    @property
    def address(self) -> str:
        """Where its images and containers are."""
        return f"{SCHEME}{self._root}"

    @property
    def is_local(self) -> bool:
        """Always: it is a program of this host."""
        return True

    def info(self) -> dict[str, Any]:
        """What a record keeps of the engine; JSON values only."""
        root = os.geteuid() == 0
        held, machine = program.held(root=root), os.uname()
        return {
            "name": "Apptainer",
            "version": self._program.version,
            "api": "",
            "containerd": "",
            "runc": "",
            "storage": "directories",
            "containerd_store": False,
            "cgroup": {
                "version": str(program.cgroup_version()),
                "driver": "systemd" if program.systemd() else "cgroupfs",
            },
            "runtimes": [],
            "default_runtime": "",
            "cdi": list(self._cdi_directories),
            "security": ["no-new-privileges", "no seccomp filter"],
            "id": self.home().id,
            "kernel": machine.release,
            "os": _system(),
            "architecture": machine.machine,
            "cpus": os.cpu_count() or 0,
            "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "root": str(self._root),
            "users": "root" if root else "user namespace",
            "limits": {
                **{name: name in held for name in ("memory", "cpus", "pids")},
                "tmp_size": not root,
                "shm_size": False,
            },
            "live_restore": True,
        }

    def home(self) -> EngineHome:
        """What distinguishes this engine from others."""
        mark = self._mark()
        return EngineHome(id=mark, root=str(self._root), mark=mark)

    def mark(self) -> str:
        """Random text in its directory, made where there is none."""
        if not self._mark():
            files.make_dir(self._root)
            with contextlib.suppress(FileExistsError):  # another command was first
                files.publish(self._root / "mark", secrets.token_hex(16).encode())
        return self._mark()

    def _mark(self) -> str:
        try:
            return (self._root / "mark").read_text()
        except FileNotFoundError:
            return ""

    def caller(self) -> Caller:
        """The caller, as the caller is."""
        return Caller(uid=os.getuid(), gid=os.getgid())

    # --- images

    def inspect(self, reference: str) -> EngineImage | None:
        """An image by ID or tag; None when it is not there."""
        return self._images.inspect(reference)

    def containerd_store(self) -> bool:
        """Never."""
        return False

    def chains(self, label: str | None = None, family: str = "") -> list[tuple[str, ...]]:
        """None: images are unpacked whole, so a load must bring every layer."""
        return []

    def load(self, chunks: Iterable[bytes]) -> None:
        """Unpacks an image archive."""
        self._images.load(chunks)

    def tag(self, reference: str, tag: str) -> None:
        """Names an image."""
        self._images.tag(reference, tag)

    def remove_image(self, reference: str) -> None:
        """Forgets an image or tag; absent is fine."""
        self._images.remove(reference)

    def pull(self, reference: str) -> EngineImage:
        """Raises ImageMissing: no registry is asked."""
        raise ImageMissing(f"Apptainer does not pull {reference}", next_step=_ELSEWHERE)

    def push(self, reference: str) -> str:
        """Raises EngineError: no registry is written to."""
        raise _not_here(f"push {reference}")

    def save(self, reference: str) -> Iterator[bytes]:
        """Raises EngineError: directories are not turned back into layers."""
        raise _not_here(f"save the image {reference}")

    def build(
        self, context: Path, dockerfile: str, tag: str, say: Callable[[str], None]
    ) -> EngineImage:
        """Raises EngineError."""
        raise _not_here(f"build {dockerfile}")

    def step(self, container: Container) -> AbstractContextManager[Step]:
        """Raises EngineError."""
        raise _not_here(f"run the build step {container.name}")

    # --- containers

    def create(self, container: Container) -> str:
        """Creates a named, labelled container; its ID. One of that name and these labels that
        exists already is taken.

        Raises:
            ImageMissing: the image is not here, or was changed since it was unpacked.
            EngineError: it asks for what Apptainer does not have, or the name is another's.
        """
        self._refuse(container)
        devices = self._devices(container.gpus)
        sandbox, settings = self._images.to_start(container.image)
        container = replace(
            container,
            env=command.merged(container, settings, devices.env),
            mounts=(*devices.nodes, *devices.mounts, *container.mounts),
        )
        root = os.geteuid() == 0
        own, place = self._boxes.fresh(container.name), self._boxes.place(container.name)
        means = Means(
            program=self._program.path,
            config=place / "apptainer.conf",
            root=root,
            limits=program.held(root=root),
        )
        return self._boxes.create(
            container,
            command.arguments(container, sandbox, place, means),
            command.settings(container, systemd=program.systemd()),
            command.environment(container),
            own,
        )

    def _refuse(self, container: Container) -> None:
        if not container_state.is_name(container.name):
            raise EngineError(f"no container can be named {container.name!r}")
        own = f"{os.getuid()}:{os.getgid()}"
        if container.user not in (None, "", own):
            raise EngineError(
                f"Apptainer runs programs as you ({own}), and not as {container.user}"
            )

    def start(self, container_id: str) -> None:
        """Starts it. A program that is not in the image is not an error: `state` then gives 127 or
        126 and the reason. Raises EngineError with Apptainer's reason.
        """
        self._boxes.start(container_id)

    def state(self, container_id: str) -> ContainerState | None:
        """By ID or name; None when there is none."""
        return self._boxes.state(container_id)

    def wait(self, container_id: str, timeout: float | None = None) -> ContainerState:
        """Blocks until it has ended, or `timeout` seconds; the state either way. Raises EngineError
        when it is gone.
        """
        return self._boxes.wait(container_id, timeout)

    def signal(self, container_id: str, name: str) -> None:
        """Sends its first process a signal, once it listens; absent or ended is fine."""
        if self._listening(container_id):
            self._boxes.signal(container_id, signal.Signals[name])

    def stop(self, container_id: str, grace: float) -> None:
        """TERM, then KILL after `grace` seconds; absent or ended is fine."""
        if not self._listening(container_id):
            return
        self._boxes.signal(container_id, signal.SIGTERM)
        try:
            if self._boxes.wait(container_id, grace).status == "running":
                self._boxes.kill(container_id)
                self._boxes.wait(container_id, None)
        except EngineError:
            if self._boxes.state(container_id) is not None:
                raise

    def _listening(self, container_id: str) -> bool:
        there = self._boxes.state(container_id)
        if there is None or there.status != "running":
            return False
        time.sleep(container_state.until_it_listens(there))
        return True

    def kill(self, container_id: str) -> None:
        """KILL at once; absent or ended is fine."""
        self._boxes.kill(container_id)

    def remove(self, container_id: str) -> None:
        """Ends it and forgets it; absent is fine."""
        self._boxes.remove(container_id)

    def find(self, labels: dict[str, str]) -> list[ContainerState]:
        """All containers with these labels, running or not."""
        return self._boxes.find(labels)

    def logs(self, container_id: str) -> bytes:
        """What Apptainer and the shim wrote themselves."""
        return self._boxes.log(container_id)

    def on_terminal(self, container_id: str, argv: Sequence[str]) -> int:
        """Raises EngineError: Apptainer enters only what it started as an instance."""
        raise EngineError(
            "Apptainer cannot run a second program in a running container",
            next_step="use Docker or Podman for `reprobox shell`",
        )

    # --- GPUs

    def gpus_offered(self) -> str | None:
        """How GPUs can be handed over here: `cdi` where a specification describes some, or a driver
        is there that we describe ourselves.
        """
        ours = f"{DEFAULT.cdi_kind}="
        return "cdi" if any(name.startswith(ours) for name in self._known_devices) else None

    def gpu_devices(self) -> tuple[str, ...]:
        """The CDI devices that are described on this host."""
        return tuple(sorted(self._known_devices))

    @cached_property
    def _known_devices(self) -> dict[str, cdi.Edits]:
        return {**cdi.described(), **cdi.devices(self._cdi_directories)}

    def _devices(self, asked: str | None) -> cdi.Edits:
        if asked is None:
            return cdi.Edits()
        found = cdi.edits(asked, self._known_devices)
        for mount in (*found.nodes, *found.mounts):
            if not os.path.exists(mount.source):
                raise GpuUnavailable(
                    f"`gpus: {asked}` was asked for, and {mount.source} is not there",
                    why="A CDI specification names it.",
                    next_step="make the specification again, such as by `nvidia-ctk cdi generate`",
                )
        for node in found.nodes:
            if node.source != node.target:
                raise GpuUnavailable(
                    f"Apptainer cannot show {node.source} as {node.target}",
                    why="It shows a device by its own name alone.",
                )
        return found


def _not_here(what: str) -> EngineError:
    return EngineError(f"Apptainer cannot {what}", next_step=_ELSEWHERE)


def _system() -> str:
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return sys.platform
    names = [line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")]
    return names[0] if names else sys.platform
