"""The host's processor and GPUs, as far as a profile and a forecast need them, in the shape in
which a record has them.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprobox.kit import proc

if TYPE_CHECKING:
    from reprobox.model.observed import Observed

_GPU_FIELDS = ("uuid", "name", "driver_version", "memory.total", "compute_cap", "mig.mode.current")
_GPU_SECONDS = 30.0


def cpu_flags() -> frozenset[str]:
    """Flags of the first processor, as Linux names them (`/proc/cpuinfo`); empty where there is no
    such file.
    """
    return frozenset(_cpu()["flags"])


def machine() -> str:
    """`x86_64`, `aarch64`, ..."""
    return os.uname().machine


def observe(*, gpus: bool) -> Observed:
    """What a run here would observe: `cpu`, `kernel` and `gpus`.

    Args:
        gpus: ask the driver; it wakes each GPU, which may take seconds.
    """
    from reprobox.model import observed

    return observed.read(
        {
            "cpu": _cpu(),
            "kernel": {"release": os.uname().release, "machine": machine()},
            "gpus": list_gpus() if gpus else [],
        }
    )


def driver() -> str:
    """The version of the NVIDIA driver, from the kernel module, else from nvidia-smi; empty where
    there is none. Wakes no GPU where the module is loaded.
    """
    with contextlib.suppress(OSError):
        text = Path("/proc/driver/nvidia/version").read_text(errors="replace")
        if found := re.search(r"\b(\d{3,}\.\d+(?:\.\d+)?)\b", text):
            return found[1]
    return next((gpu.get("driver_version", "") for gpu in list_gpus()), "")


def gpu_count() -> int:
    """How many GPUs the driver knows; 0 where that is not known."""
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/driver/nvidia/gpus"))
    return len(list_gpus())


def room() -> tuple[int, int]:
    """How many CPUs this process may use, and bytes of memory that can be taken without swapping (0
    where the kernel does not report it).
    """
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        lines = []
    free = next(
        (int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0
    )
    return len(os.sched_getaffinity(0)), free


def _cpu() -> dict[str, Any]:
    said: dict[str, str] = {}
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    for line in text.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        said[key.strip()] = value.strip()
    return {
        "vendor": said.get("vendor_id") or said.get("CPU implementer", ""),
        "model_name": said.get("model name") or said.get("CPU part", ""),
        "flags": sorted(set((said.get("flags") or said.get("Features") or "").split())),
    }


def list_gpus(*also: str) -> list[dict[str, str]]:
    """The GPUs as nvidia-smi lists them, under the names of `Gpu`; none where it is absent or
    fails.

    Args:
        also: further fields of `nvidia-smi --query-gpu`.
    """
    from shutil import which

    fields = _GPU_FIELDS + also
    program = which("nvidia-smi")
    if program is None:
        return []
    try:
        done = proc.run(
            [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"],
            timeout=_GPU_SECONDS,
        )
    except proc.TooLong:
        return []
    names = [field.replace(".", "_") for field in fields]
    lines = done.out.decode("utf-8", "replace").splitlines() if done.ok else []
    return [
        dict(zip(names, (value.strip() for value in line.split(",")), strict=False))
        for line in lines
        if line.strip()
    ]
