"""`--gpus`, in docker's own grammar, as the engine's device requests. Pure.

The grammar is that of docker's command line (docker/cli, opts/gpus.go): one CSV record of
`key=value` fields, a bare field being the count. A shell eats the quotes of `--gpus "device=0,1"`,
which docker then refuses; here bare fields after `device=` are further devices, since nothing else
can be meant. CDI names (`nvidia.com/gpu=all`) are requests for the driver `cdi` (Docker 25 and
later).
"""

from __future__ import annotations

import csv
from dataclasses import field
from typing import Any

from reprobox.engine.gpu.vendors import DEFAULT
from reprobox.errors import ConfigError, GpuUnavailable
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

_CDI = regex(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9_-]+=[A-Za-z0-9][A-Za-z0-9._:-]*")
_DEVICE = regex(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*")
_VENDOR = f"{DEFAULT.cdi_kind}="
_RIGHT = 'say `all`, a number such as `2`, `device=0,1`, or `"device=0,1",capabilities=utility`'


@dataclass(frozen=True, kw_only=True)
class GpuRequest:
    """What was asked for. `count` is -1 for all, and 0 when `devices` or `cdi` name them."""

    count: int = 0
    devices: tuple[str, ...] = ()
    cdi: tuple[str, ...] = ()
    driver: str = ""
    capabilities: tuple[str, ...] = ("gpu",)
    options: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> GpuRequest:
    """Reads a `--gpus` value.

    Raises:
        ConfigError: with the right forms, when it makes no sense.
    """
    names = [part.strip() for part in text.split(",")]
    if all(_CDI.fullmatch(name) for name in names):
        return GpuRequest(cdi=tuple(names))
    fields = _collect(text)
    if "device" in fields and "count" in fields:
        raise _wrong(text, "a count and a list of devices exclude each other")
    devices = _devices(text, fields.get("device"))
    return GpuRequest(
        count=0 if devices else _count(text, fields.get("count", "1")),
        devices=devices,
        driver=fields.get("driver", ""),
        capabilities=_capabilities(fields.get("capabilities")),
        options=_options(text, fields.get("options")),
    )


def device_requests(request: GpuRequest, offered: str | None) -> tuple[dict[str, Any], ...]:
    """The request as this engine takes it.

    Args:
        offered: `nvidia`, `cdi` or None, from `RunEngine.gpus_offered`.

    Raises:
        GpuUnavailable: the engine offers nothing, or not this way.
    """
    if request.cdi:
        return (_cdi(request.cdi),)
    if offered == "cdi":
        return (_cdi(_as_cdi(request)),)
    if offered is None:
        raise GpuUnavailable(
            "GPUs were asked for, and this container engine cannot hand any over",
            next_step="install the NVIDIA driver and the NVIDIA Container Toolkit and restart "
            "Docker, or leave `--gpus` out",
        )
    return (
        {
            "Driver": request.driver,
            "Count": request.count,
            "DeviceIDs": list(request.devices),
            "Capabilities": [list(request.capabilities)],
            "Options": dict(request.options),
        },
    )


def cdi_names(request: dict[str, Any]) -> list[str]:
    """The CDI devices that a device request names; none for a request of another kind."""
    return list(request["DeviceIDs"]) if request["Driver"] == "cdi" else []


def _cdi(names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "Driver": "cdi",
        "Count": 0,
        "DeviceIDs": list(names),
        "Capabilities": [],
        "Options": {},
    }


def _as_cdi(request: GpuRequest) -> tuple[str, ...]:
    if request.count == -1:
        return (f"{_VENDOR}all",)
    names = request.devices or tuple(str(index) for index in range(request.count))
    return tuple(_VENDOR + name for name in names)


def _collect(text: str) -> dict[str, str]:
    """Field name to value; a bare field is the count, or one more device."""
    fields: dict[str, str] = {}
    for part in _csv(text):
        key, equals, value = part.partition("=")
        if not equals and "device" in fields and _DEVICE.fullmatch(part) and part != "all":
            fields["device"] += "," + part
            continue
        key, value = (key, value) if equals else ("count", part)
        if key not in ("count", "device", "driver", "capabilities", "options"):
            raise _wrong(
                text, f"{key!r} is not one of count, device, driver, capabilities, options"
            )
        if key in fields:
            raise _wrong(text, f"{key} is given twice")
        fields[key] = value
    return fields


def _csv(text: str) -> list[str]:
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as fault:
        raise _wrong(text, str(fault)) from fault
    if len(rows) != 1 or not rows[0] or not all(part.strip() for part in rows[0]):
        raise _wrong(text, "there is an empty field")
    return [part.strip() for part in rows[0]]


def _count(text: str, value: str) -> int:
    if value in ("all", "-1"):
        return -1
    if not value.isascii() or not value.isdigit():
        raise _wrong(text, f"{value!r} is not a number of GPUs")
    if int(value) == 0:
        raise _wrong(text, "no GPU at all is asked for by leaving `gpus` out")
    return int(value)


def _devices(text: str, value: str | None) -> tuple[str, ...]:
    if value is None:
        return ()
    names = tuple(name.strip() for name in value.split(","))
    for name in names:
        if not _DEVICE.fullmatch(name):
            raise _wrong(
                text, f"{name!r} is not a device: an index, a GPU or MIG UUID, or index:instance"
            )
    if len(set(names)) != len(names):
        raise _wrong(text, "a device is named twice")
    return names


def _capabilities(value: str | None) -> tuple[str, ...]:
    if not value:
        return ("gpu",)
    wanted = [name.strip() for name in value.split(",")]
    return (*(name for name in wanted if name != "gpu"), "gpu")


def _options(text: str, value: str | None) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in _csv(value) if value else ():
        key, _, setting = part.partition("=")
        if key in options:
            raise _wrong(text, f"option {key} is given twice")
        options[key] = setting
    return options


def _wrong(text: str, why: str) -> ConfigError:
    return ConfigError(f"`gpus: {text}` makes no sense", why=why, next_step=_RIGHT)
