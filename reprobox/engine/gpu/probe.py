"""Whether, and how, this engine hands over GPUs.

Docker decides when it starts: `--gpus` works when `nvidia-container-runtime-hook` is on the
daemon's own PATH (moby, daemon/nvidia_linux.go), and no call of the API says so. `info` does say
when the `nvidia` runtime is configured (the toolkit's installer does both) and, from API 1.50,
which CDI devices exist. Where it says neither, the only sure test is to ask: a container of an
empty image, whose program cannot exist, is started with a GPU request. An engine without GPUs
refuses the request; one with them gets as far as not finding the program. Image and container are
removed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from reprobox.engine import create_body
from reprobox.engine.engines import EngineKind, kind_of
from reprobox.engine.faults import gpu_refusal, speaking
from reprobox.engine.gpu import requests
from reprobox.engine.gpu.vendors import DEFAULT, VENDORS
from reprobox.engine.link import Link
from reprobox.errors import GpuUnavailable, ReproboxError
from reprobox.kit.canon import canonical
from reprobox.kit.regex import regex
from reprobox.kit.tar import TarStream
from reprobox.model.outcome import Container
from reprobox.model.platform import ARCHITECTURES

_KIND = regex(r"""["']?kind["']?\s*:\s*["']?([\w.-]+/[\w.-]+)""")
_NAME = regex(r"""(?m)(?:^[\s-]*|[{,]\s*)["']?name["']?\s*:\s*["']?([\w.:-]+)""")


class GpuProbe:
    """Asks once per engine object."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known = False
        self._offered: str | None = None
        self._why = ""

    def offered(self) -> str | None:
        """`nvidia`, `cdi` or None."""
        if not self._known:
            self._offered = self._ask()
            self._known = True
        return self._offered

    def refusal(self, asked: str) -> GpuUnavailable:
        """The error for a request that cannot be met, with the engine's own words."""
        return GpuUnavailable(
            f"`gpus: {asked}` was asked for, and this container engine cannot hand over GPUs",
            why=self._why or "It offers neither a vendor's runtime hook nor CDI devices.",
            next_step=DEFAULT.toolkit,
        )

    def known(self) -> tuple[str, ...]:
        """The CDI devices that exist here, as far as the engine or its directories say."""
        with speaking("ask the engine about GPUs"):
            info = self._link.info()
            kind = kind_of(self._link.version())
        found = cdi_devices(info, self._directories(info, kind))
        return tuple(name for name in found if not name.endswith("="))

    def _directories(self, info: dict[str, Any], kind: EngineKind) -> tuple[str, ...]:
        """Where CDI specifications are; none where the engine is on another host."""
        local = self._link.socket_path is not None
        return tuple(info.get("CDISpecDirs") or kind.cdi_directories) if local else ()

    def _ask(self) -> str | None:
        with speaking("ask the engine about GPUs"):
            info = self._link.info()
            kind = kind_of(self._link.version())
        if kind.gpu_hook and DEFAULT.runtime in (info.get("Runtimes") or {}):
            return DEFAULT.name
        if any(map(_is_ours, cdi_devices(info, self._directories(info, kind)))):
            return "cdi"
        if not kind.gpu_hook:
            return None
        self._why = self._try()
        return None if self._why else DEFAULT.name

    def _try(self) -> str:
        """Starts the impossible container; the engine's refusal of the GPU, or nothing."""
        image = f"reprobox/gpu-probe:{secrets.token_hex(8)}"
        request = requests.device_requests(requests.parse("all"), DEFAULT.name)
        probe = Container(
            image=image, argv=("/no-such-program",), name=image.replace("/", "-").replace(":", "-")
        )
        with speaking("ask the engine about GPUs"):
            client = self._link.quick()
            list(client.load_image(io.BytesIO(_empty_image(image))))  # type: ignore[no-untyped-call]
            try:
                body = create_body.create_body(probe, devices=request)
                created = client.create_container_from_config(body, probe.name)["Id"]  # type: ignore[no-untyped-call]
                try:
                    return self._start(created)
                finally:
                    client.remove_container(created, force=True)
            finally:
                client.remove_image(image, force=True)

    def _start(self, container_id: str) -> str:
        try:
            with speaking("start a container with a GPU"):
                self._link.ask("POST", f"/containers/{container_id}/start")
        except GpuUnavailable as refused:
            return refused.why
        except ReproboxError as refused:
            return refused.why if gpu_refusal(refused.why) else ""
        return ""


def cdi_devices(info: dict[str, Any], directories: Iterable[str]) -> tuple[str, ...]:
    """CDI devices: listed by the engine (API 1.50), or described in its directories on this host
    (https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md).
    """
    if "DiscoveredDevices" in info:
        return tuple(device.get("ID", "") for device in info["DiscoveredDevices"] or ())
    return tuple(name for directory in directories for name in _described(Path(directory)))


def _is_ours(device: str) -> bool:
    return any(device.startswith(f"{vendor.cdi_kind}=") for vendor in VENDORS.values())


def _described(directory: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for path in sorted(directory.iterdir()):
            if path.suffix in (".json", ".yaml", ".yml"):
                yield from _devices(path.read_text(errors="replace"))


def _devices(text: str) -> Iterator[str]:
    """Devices of a specification, JSON or YAML, read as text: YAML has its door elsewhere, and only
    names are wanted.
    """
    kind = _KIND.search(text)
    _, _, devices = text.partition("devices")
    if kind:
        yield from (f"{kind[1]}={name}" for name in _NAME.findall(devices) or ("",))


def _empty_image(tag: str) -> bytes:
    """An image archive with one layer that holds nothing (Docker image specification v1.2)."""
    layer = io.BytesIO()
    TarStream(layer).close()
    diff_id = "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
    machine = os.uname().machine
    config = {
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {"Labels": {"reprobox.probe": tag}},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    archive = io.BytesIO()
    tar = TarStream(archive)
    tar.file("config.json", canonical(config))
    tar.file("layer.tar", layer.getvalue())
    tar.file(
        "manifest.json",
        canonical([{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]),
    )
    tar.close()
    return archive.getvalue()
