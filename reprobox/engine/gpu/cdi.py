"""The Container Device Interface: what devices need in a container, read from specifications, or
described by us where a driver is there and no specification is.

https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md

Hooks of a specification are not run here. Those of NVIDIA's tool make links and the loader's cache,
so a library is mounted by each of its names, in a directory that every loader looks in.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprobox.engine.gpu import requests
from reprobox.engine.gpu.vendors import DEFAULT
from reprobox.errors import GpuUnavailable
from reprobox.kit import plain_yaml
from reprobox.kit.regex import regex
from reprobox.model.outcome import Mount

VERSION = "0.6.0"
_SUFFIXES = (".json", ".yaml", ".yml")
_NODE = regex(r"nvidia(\d+)")
_SHARED_NODES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
_LIBRARIES = regex(
    r"lib(cuda|cudadebugger|nvidia-(ml|ptxjitcompiler|nvvm|gpucomp|cfg|allocator|opencl))\.so(\.\d+)*"
)
_PROGRAMS = ("nvidia-smi", "nvidia-debugdump", "nvidia-persistenced")
_LIBRARY_PLACES = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib")


@dataclass(frozen=True, kw_only=True)
class Edits:
    """What a container gets with its devices."""

    nodes: tuple[Mount, ...] = ()
    mounts: tuple[Mount, ...] = ()
    env: tuple[str, ...] = ()

    def __add__(self, other: Edits) -> Edits:
        return Edits(
            nodes=_once(self.nodes + other.nodes),
            mounts=_once(self.mounts + other.mounts),
            env=self.env + other.env,
        )


def devices(directories: Iterable[str]) -> dict[str, Edits]:
    """The devices that specifications describe, by their whole name (`nvidia.com/gpu=0`); a later
    directory wins, and a file that cannot be read is passed over, as the specification says.
    """
    found: dict[str, Edits] = {}
    for directory in directories:
        for spec in _specifications(Path(directory)):
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                found.update(_read(spec))
    return found


def edits(asked: str, known: Mapping[str, Edits]) -> Edits:
    """What a `--gpus` request asks for.

    Raises:
        ConfigError: the request makes no sense.
        GpuUnavailable: there is no such device.
    """
    wanted = requests.device_requests(requests.parse(asked), "cdi")
    names = [name for one in wanted for name in requests.cdi_names(one)]
    if unknown := sorted(set(names) - set(known)):
        raise GpuUnavailable(
            f"`gpus: {asked}` was asked for, and there is no device {', '.join(unknown)}",
            why=f"There are: {', '.join(sorted(known)) or 'none'}.",
            next_step="name one of these, or fewer GPUs",
        )
    return sum((known[name] for name in names), Edits())


def describe(root: Path = Path("/")) -> dict[str, Any]:
    """A specification of the NVIDIA devices and driver libraries that are on this host; one without
    devices where there are none.

    Args:
        root: of the host's file system.
    """
    nodes = sorted(
        (int(match[1]), f"/dev/{name}")
        for name in _names(root / "dev")
        if (match := _NODE.fullmatch(name))
    )
    shared = [f"/dev/{name}" for name in _SHARED_NODES if (root / "dev" / name).exists()]
    caps = [f"/dev/nvidia-caps/{name}" for name in _names(root / "dev/nvidia-caps")]
    each = [_device(str(number), [path]) for number, path in nodes]
    every = [_device("all", [path for _, path in nodes])] if nodes else []
    return {
        "cdiVersion": VERSION,
        "kind": DEFAULT.cdi_kind,
        "devices": [*each, *every],
        "containerEdits": {
            "deviceNodes": [{"path": path} for path in (*shared, *sorted(caps))],
            "mounts": [_mount(path) for path in (*_libraries(root), *_programs(root))],
        },
    }


def described(root: Path = Path("/")) -> dict[str, Edits]:
    """The devices of `describe`."""
    return dict(_read(describe(root)))


def _device(name: str, paths: list[str]) -> dict[str, Any]:
    return {"name": name, "containerEdits": {"deviceNodes": [{"path": path} for path in paths]}}


def _mount(path: str) -> dict[str, Any]:
    return {"hostPath": path, "containerPath": path, "options": ["ro", "nosuid", "nodev", "bind"]}


def _libraries(root: Path) -> Iterator[str]:
    """The driver's libraries, by each name; the kernel follows a link when it is mounted."""
    seen: set[str] = set()
    for place in _LIBRARY_PLACES:
        for name in sorted(_names(root / place)):
            path = root / place / name
            if _LIBRARIES.fullmatch(name) and name not in seen and path.is_file():
                seen.add(name)
                yield f"/{place}/{name}"


def _programs(root: Path) -> Iterator[str]:
    yield from (f"/usr/bin/{name}" for name in _PROGRAMS if (root / "usr/bin" / name).is_file())


def _specifications(directory: Path) -> Iterator[Any]:
    for name in sorted(_names(directory)):
        path = directory / name
        if path.suffix in _SUFFIXES:
            with contextlib.suppress(OSError, ValueError):
                yield plain_yaml.load(path.read_bytes())


def _read(spec: Any) -> Iterator[tuple[str, Edits]]:
    shared = _edits(spec.get("containerEdits"))
    for device in spec["devices"]:
        yield f"{spec['kind']}={device['name']}", shared + _edits(device.get("containerEdits"))


def _edits(value: Any) -> Edits:
    value = value or {}
    return Edits(
        nodes=tuple(
            Mount(source=node.get("hostPath") or node["path"], target=node["path"], read_only=False)
            for node in value.get("deviceNodes") or ()
        ),
        mounts=tuple(
            Mount(
                source=mount["hostPath"],
                target=mount["containerPath"],
                read_only="rw" not in (mount.get("options") or ()),
            )
            for mount in value.get("mounts") or ()
        ),
        env=tuple(value.get("env") or ()),
    )


def _once(mounts: tuple[Mount, ...]) -> tuple[Mount, ...]:
    return tuple({mount.target: mount for mount in mounts}.values())


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
