"""The host's processor and GPUs. nvidia-smi is a stand-in: a script that prints what it prints on
a machine with two GPUs, of which this test has none.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reprobox.model.observed import Gpu
from reprobox.runtime import host

ROWS = (
    "GPU-1, NVIDIA H100 PCIe, 580.1, 81559, 9.0, Disabled\n"
    "GPU-2, NVIDIA H100 PCIe, 580.1, 81559, 9.0, Enabled\n"
)


def stand_in(folder: Path, text: str, code: int = 0) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit {code}\n")
    program.chmod(0o755)


def test_the_processor_is_the_kernels_own_account_of_the_first() -> None:
    found = host.observe(gpus=False)
    assert found.cpu
    assert set(found.cpu.flags or ()) == host.cpu_flags()
    assert found.kernel
    assert found.kernel.release == os.uname().release
    assert host.machine() == found.kernel.machine
    assert found.gpus == []


def test_gpus_are_those_that_nvidia_smi_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, ROWS)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    gpus = host.observe(gpus=True).gpus
    assert gpus
    assert [one.uuid for one in gpus] == ["GPU-1", "GPU-2"]
    assert gpus[1] == Gpu(
        uuid="GPU-2",
        name="NVIDIA H100 PCIe",
        driver_version="580.1",
        memory_total="81559",
        compute_cap="9.0",
        mig_mode_current="Enabled",
    )


def test_a_nvidia_smi_that_fails_lists_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, "Failed to initialize NVML\n", code=9)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert host.list_gpus() == []


def test_there_is_room_for_one_process_at_least() -> None:
    cpus, free = host.room()
    assert cpus == len(os.sched_getaffinity(0))
    assert free > 0
