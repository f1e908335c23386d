"""How a program says that its GPU failed it. The texts are those of torch, JAX, TensorFlow and
CUDA's runtime, since there is no GPU here to fail.
"""

from __future__ import annotations

import re

import pytest

from reprobox.engine.gpu import failures
from reprobox.engine.gpu.nvidia import VENDOR

SAID = {
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total "
    "capacity of 79.25 GiB of which 8.06 GiB is free.": "had not enough free memory",
    "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`": (
        "had not enough free memory"
    ),
    "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to "
    "allocate 34359738368 bytes.": "had not enough free memory",
    "ResourceExhaustedError: OOM when allocating tensor with shape[4096,4096]": (
        "had not enough free memory"
    ),
    "torch.AcceleratorError: CUDA error: CUDA-capable device(s) is/are busy or unavailable": (
        "Exclusive_Process"
    ),
    "RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable": (
        "Exclusive_Process"
    ),
    "CUDA driver version is insufficient for CUDA runtime version": "driver is too old",
    "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).": (
        "driver is too old"
    ),
    "RuntimeError: CUDA error: no kernel image is available for execution on the device": (
        "no code for this GPU model"
    ),
    "RuntimeError: CUDA error: invalid device ordinal": "more GPUs than it was given",
    "ncclInvalidUsage: Duplicate GPU detected : rank 1 and rank 0 both on CUDA device 1b000": (
        "more GPUs than it was given"
    ),
    "Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized": (
        "fabric manager"
    ),
    "RuntimeError: No CUDA GPUs are available": "found no GPU",
    "RuntimeError: Found no NVIDIA driver on your system.": "found no GPU",
    "RuntimeError: CUDA error: uncorrectable ECC error encountered": "The GPU failed",
    "Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.": "The GPU failed",
}


@pytest.mark.parametrize("text", SAID)
def test_a_failure_is_named_with_what_to_do(text: str) -> None:
    said = failures.named(f"Traceback (most recent call last):\n{text}\n")
    assert SAID[text] in said
    assert re.search(r"\. Next: .{10,}\.$", said)
    assert "GiB" not in said  # nothing of the program's own text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MemoryError: Unable to allocate 20.0 GiB for an array",
        "RuntimeError: CUDA error: device-side assert triggered",
        "IndexError: index 10 is out of bounds",
        "UserWarning: CUDA is fine",
    ],
)
def test_the_programs_own_faults_are_not_the_gpus(text: str) -> None:
    assert failures.named(text) == ""


def test_a_lost_gpu_comes_before_what_follows_from_it() -> None:
    text = "No CUDA GPUs are available\nUnable to determine the device handle: GPU is lost."
    assert failures.named(text).startswith("The GPU failed")


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        ({"uuid": "GPU-1", "compute_mode": "Default", "mig_mode_current": "Disabled"}, []),
        ({"uuid": "GPU-1"}, []),
        ({"uuid": "GPU-1", "compute_mode": "[N/A]", "mig_mode_current": "[N/A]"}, []),
        ({"uuid": "GPU-1", "compute_mode": "Exclusive_Process"}, ["one process at a time"]),
        ({"uuid": "GPU-1", "compute_mode": "Prohibited"}, ["no process may use it"]),
        (
            {"uuid": "GPU-1", "compute_mode": "Prohibited", "mig_mode_current": "Enabled"},
            ["no process may use it", "divided (MIG)"],
        ),
    ],
)
def test_modes_that_let_a_run_fail(gpu: dict[str, str], expected: list[str]) -> None:
    said = list(VENDOR.check(gpu))
    assert len(said) == len(expected)
    assert all(text in line and "GPU-1" in line for text, line in zip(expected, said, strict=True))
