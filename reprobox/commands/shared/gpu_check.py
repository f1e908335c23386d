"""Whether the GPUs that a run asks for can be had here, asked before anything is recorded."""

from __future__ import annotations

from typing import Any

from reprobox.context import Context
from reprobox.engine.gpu import requests
from reprobox.engine.gpu.vendor import older
from reprobox.engine.gpu.vendors import DEFAULT
from reprobox.errors import GpuUnavailable
from reprobox.model.lock import Lock
from reprobox.runtime import host


def refuse(context: Context, asked: str, lock: Lock | None) -> None:
    """Raises GpuUnavailable where the engine hands over none, where the driver is too old for what
    the lock brings, or where more are asked for than there are.
    """
    if context.engine.gpus_offered() is None:
        raise GpuUnavailable(
            f"GPUs were asked for (--gpus {asked}), and this engine cannot hand any over",
            why="It offers neither the NVIDIA runtime hook nor CDI devices.",
            next_step=DEFAULT.toolkit,
        )
    if not context.engine.is_local:
        return  # the GPUs of this host are not those of a remote engine
    if lock is not None:
        _refuse_old_driver(lock, host.driver())
    _refuse_too_few(asked, host.gpu_count())


def _refuse_old_driver(lock: Lock, driver: str) -> None:
    required = DEFAULT.required((wheel.name, wheel.version) for wheel in lock.wheels)
    if driver and required and older(driver, required.driver):
        raise GpuUnavailable(
            f"the driver {driver} is too old for {required.what}",
            why=f"{required.by} of the lock needs the driver {required.driver} or newer.",
            next_step=f"update the driver, or lock a build for less than {required.what}",
        )


def _refuse_too_few(asked: str, count: int) -> None:
    request = requests.parse(asked)
    if count and request.count > count:
        raise GpuUnavailable(
            f"{request.count} GPUs were asked for, and there are {count}",
            next_step=f"--gpus {count}, or --gpus all",
        )


def report(context: Context) -> dict[str, Any]:
    """What was found of GPUs, and what may be promised with them."""
    found = host.list_gpus("compute_mode")
    return {
        "handed_over": context.engine.gpus_offered() or "none can be handed over",
        "devices": list(context.engine.gpu_devices()),
        "driver": host.driver() or "none",
        "gpus": found,
        "promise": _promise(found),
        "problems": [said for gpu in found for said in DEFAULT.check(gpu)],
    }


def _promise(found: list[dict[str, str]]) -> str:
    if not found:
        return "nothing: no GPU was found on this host"
    models = sorted({gpu.get("name", "") for gpu in found})
    return (
        "under same-machine: the same bits on the same GPU model, driver and libraries "
        f"({', '.join(models)}); other models and drivers may give other numbers"
    )
