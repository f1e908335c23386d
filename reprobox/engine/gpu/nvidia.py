"""NVIDIA: how its GPUs are named, and which driver a CUDA version needs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reprobox.engine.gpu.vendor import Required, Vendor

_OLDEST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
"""By CUDA's major version, since a driver serves all minor versions of it (CUDA Toolkit release
notes, "CUDA Toolkit and Minimum Required Driver Version for CUDA Minor Version Compatibility").
"""
_RUNTIME = re.compile(r"nvidia-cuda-runtime(?:-cu(\d\d))?")
_LOCAL = re.compile(r"\+cu(\d\d)\d")
"""torch 2.4.0+cu124."""


def required(packages: Iterable[tuple[str, str]]) -> Required | None:
    """What the wheels of a lock need: CUDA's runtime, or a build of torch or another package that
    names CUDA in its local version. The newest decides.
    """
    found = [
        (major, name, version) for name, version in packages if (major := _cuda(name, version))
    ]
    if not found:
        return None
    major, name, version = max(found)
    if (oldest := _OLDEST_DRIVER.get(major)) is None:
        return None
    return Required(by=f"{name} {version}", what=f"CUDA {major}", driver=oldest)


def _cuda(name: str, version: str) -> int:
    """The major version of CUDA that a package brings; 0 for none."""
    runtime, local = _RUNTIME.fullmatch(name), _LOCAL.search(version)
    if runtime:
        return int(runtime[1] or version.partition(".")[0])
    return int(local[1]) if local else 0


VENDOR = Vendor(
    name="nvidia",
    cdi_kind="nvidia.com/gpu",
    runtime="nvidia",
    toolkit="install the NVIDIA driver and the NVIDIA Container Toolkit, restart the engine and "
    "see that `docker run --gpus all` works, or leave `gpus` out",
    required=required,
)
