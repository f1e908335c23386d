"""Runs a program under the shim in a real container, as flow does."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from images_of_our_own import PythonImage

from reprobox.engine import create_body
from reprobox.engine.docker import DockerEngine
from reprobox.model.outcome import Container, ContainerState, Mount
from reprobox.runtime import runtime_pack

UID = 1000


@dataclass
class ShimRun:
    """A container with the shim as PID 1, and the directory that it writes to."""

    engine: DockerEngine
    out: Path
    id: str
    name: str

    def ended(self, timeout: float = 60) -> ContainerState:
        """Waits for the end."""
        state = self.engine.wait(self.id, timeout)
        assert state.status == "exited", state
        return state

    def json(self, name: str) -> dict[str, Any]:
        """One of the shim's documents."""
        value: dict[str, Any] = json.loads((self.out / name).read_bytes())
        return value

    @property
    def exit(self) -> dict[str, Any]:
        """exit.json."""
        return self.json("exit.json")

    def bytes(self, name: str) -> bytes:
        """One of the streams."""
        return (self.out / name).read_bytes()


@dataclass
class ShimRunner:
    """Makes and removes such containers."""

    engine: DockerEngine
    image: PythonImage
    top: Path
    made: list[str] = field(default_factory=list)

    def __call__(self, *argv: str, **changes: Any) -> ShimRun:
        """Creates and starts; `changes` are fields of Container."""
        run = self.top / secrets.token_hex(4)
        out, box = run / "out", run / "box"
        out.mkdir(parents=True)
        os.chown(out, UID, UID)
        for name, data in runtime_pack.payload().items():
            path = box / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        container = Container(
            **{
                "image": self.image.tag,
                "argv": (
                    self.image.python,
                    "-I",
                    "-S",
                    "/.reprobox/shim.py",
                    "/.reprobox-out",
                    "--",
                    *argv,
                ),
                "name": f"reprobox-tests-{run.name}",
                "labels": {"reprobox-tests": run.name},
                "user": f"{UID}:{UID}",
                "tmpfs": {"/tmp": create_body.tmpfs("64m")},
                "pids": 256,
                **changes,
                "mounts": (
                    Mount(source=str(box), target="/.reprobox"),
                    Mount(source=str(out), target="/.reprobox-out", read_only=False),
                    *changes.get("mounts", ()),
                ),
            }
        )
        created = self.engine.create(container)
        self.made.append(created)
        self.engine.start(created)
        return ShimRun(self.engine, out, created, container.name)

    def close(self) -> None:
        """Removes all of them."""
        for created in self.made:
            self.engine.remove(created)
