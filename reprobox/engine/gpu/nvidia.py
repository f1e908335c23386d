"""NVIDIA: how its GPUs are named, and which driver a CUDA version needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reprobox.engine.gpu.vendor import Failure, Required, Vendor
from reprobox.kit.regex import regex

_OLDEST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
"""By CUDA's major version, since a driver serves all minor versions of it (CUDA Toolkit release
notes, "CUDA Toolkit and Minimum Required Driver Version for CUDA Minor Version Compatibility").
"""
_RUNTIME = regex(r"nvidia-cuda-runtime(?:-cu(\d\d))?")
_LOCAL = regex(r"\+cu(\d\d)\d")
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


_FAILURES = (
    Failure(
        mark=regex(r"GPU is lost|fallen off the bus|uncorrectable ECC error"),
        what="The GPU failed: it was lost, or its memory has an error that cannot be corrected.",
        next_step="look for Xid in the kernel's log, reset the GPU or restart the machine, and "
        "run again",
    ),
    Failure(
        mark=regex(
            r"CUDA out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED"
            r"|RESOURCE_EXHAUSTED: Out of memory|OOM when allocating tensor"
            r"|cudaErrorMemoryAllocation"
        ),
        what="The GPU had not enough free memory.",
        next_step="see in nvidia-smi who else uses it, use a smaller batch, or another GPU "
        "(--gpus device=N)",
    ),
    Failure(
        mark=regex(
            r"devices?(?:\(s\))? (?:is|are|is/are) busy or unavailable|cudaErrorDevicesUnavailable"
        ),
        what="The GPU was refused to the program: another process has it alone, or its compute "
        "mode is Exclusive_Process or Prohibited.",
        next_step="see `reprobox doctor --gpu`; nvidia-smi -c 0 allows several processes again",
    ),
    Failure(
        mark=regex(
            r"driver version is insufficient|NVIDIA driver on your system is too old"
            r"|forward compatibility was attempted|unsupported PTX|cudaErrorUnsupportedPtxVersion"
        ),
        what="The driver is too old for the CUDA of the image.",
        next_step="update the driver, or lock a build for an older CUDA",
    ),
    Failure(
        mark=regex(r"no kernel image is available|not compatible with the current PyTorch"),
        what="The image has no code for this GPU model.",
        next_step="lock a build that names its compute capability, or use another GPU",
    ),
    Failure(
        mark=regex(r"invalid device ordinal|[Dd]uplicate GPU detected"),
        what="The program asked for more GPUs than it was given.",
        next_step="--gpus all, or one process for each GPU that `reprobox show` lists",
    ),
    Failure(
        mark=regex(r"Error 802: system not yet initialized|cudaErrorSystemNotReady"),
        what="The GPU's fabric manager does not run.",
        next_step="start nvidia-fabricmanager of the driver's version",
    ),
    Failure(
        mark=regex(
            r"No CUDA GPUs are available|no CUDA-capable device|Found no NVIDIA driver"
            r"|cudaErrorNoDevice"
        ),
        what="The program found no GPU in its container.",
        next_step="see `reprobox doctor --gpu`; where MIG is on, ask for an instance by its UUID "
        "(nvidia-smi -L)",
    ),
)
"""What CUDA's runtime (CUDA Runtime API, cudaError), torch, JAX and TensorFlow write."""


def _check(gpu: Mapping[str, str]) -> Iterator[str]:
    """Modes of a GPU that let a run fail (nvidia-smi, "Compute Mode", "MIG Mode")."""
    mode, name = gpu.get("compute_mode", ""), gpu.get("uuid", "")
    if mode == "Exclusive_Process":
        yield f"{name}: one process at a time (compute mode {mode}); a second run or rank fails"
    if mode == "Prohibited":
        yield f"{name}: no process may use it (compute mode {mode}); nvidia-smi -c 0 allows it"
    if gpu.get("mig_mode_current") == "Enabled":
        yield f"{name}: divided (MIG); ask for an instance by its UUID, --gpus device=MIG-…"


VENDOR = Vendor(
    name="nvidia",
    cdi_kind="nvidia.com/gpu",
    runtime="nvidia",
    toolkit="install the NVIDIA driver and the NVIDIA Container Toolkit, restart the engine and "
    "see that `docker run --gpus all` works, or leave `gpus` out",
    required=required,
    failures=_FAILURES,
    check=_check,
)
