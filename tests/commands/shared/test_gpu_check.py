"""Whether the GPUs that a run asks for can be had, asked before anything is recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flow_project import Project

from reprobox.commands.shared import gpu_check
from reprobox.errors import GpuUnavailable
from reprobox.lock import lock_file
from reprobox.model.lock import Wheel

TORCH = Wheel(
    name="torch",
    version="2.11.0+cu130",
    filename="torch-2.11.0+cu130-cp312-cp312-linux_x86_64.whl",
    sha256="sha256:" + "0" * 64,
    size=1,
)


@pytest.mark.engine
def test_a_driver_that_is_too_old_is_refused(project: Project) -> None:
    lock = lock_file.read(Path(project.top / "reprobox.lock"))
    gpu_check._refuse_old_driver(lock, "390.1")  # nothing in it needs CUDA
    cuda = replace(lock, wheels=(TORCH,))
    gpu_check._refuse_old_driver(cuda, "580.65.06")
    gpu_check._refuse_old_driver(cuda, "")  # not known here, and so for the engine to say
    with pytest.raises(
        GpuUnavailable, match=r"driver 550\.54\.15 is too old for CUDA 13"
    ) as caught:
        gpu_check._refuse_old_driver(cuda, "550.54.15")
    assert "torch 2.11.0+cu130 of the lock needs the driver 580.65.06" in caught.value.why


@pytest.mark.parametrize(
    ("asked", "count", "refused"),
    [("2", 1, True), ("1", 1, False), ("all", 1, False), ("4", 0, False), ("device=0", 1, False)],
)
def test_more_gpus_than_there_are(asked: str, count: int, refused: bool) -> None:
    if not refused:
        gpu_check._refuse_too_few(asked, count)
        return
    with pytest.raises(GpuUnavailable, match="2 GPUs were asked for, and there are 1"):
        gpu_check._refuse_too_few(asked, count)


@pytest.mark.engine
def test_an_unknown_nccl_setting_starts_nothing(project: Project) -> None:
    config = (project.top / "config.yaml").read_text()
    project.write("config.yaml", config + "  env: {NCCL_ALGO: Rings}\n")
    project.commit()
    said = project("run", "config.yaml")
    assert said.code == 125
    assert "NCCL_ALGO=Rings: 'rings' is not one of" in said.err
    assert project.runs() == []


@pytest.mark.engine
def test_doctor_says_what_it_found_of_gpus(project: Project) -> None:
    found = project("doctor", "--gpu", "--json").json
    assert found["handed_over"] == "none can be handed over"
    assert (found["gpus"], found["driver"]) == ([], "none")
    assert found["promise"].startswith("nothing")
    assert found["problems"] == []


@pytest.mark.engine
def test_doctor_names_modes_that_let_a_run_fail(project: Project, tmp_path: Path) -> None:
    """A script stands in for nvidia-smi; it answers the fields that it is asked for, in order."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\n"
        'case "$1" in *,mig.mode.current,compute_mode) ;; *) exit 2 ;; esac\n'
        "echo GPU-1, NVIDIA H100, 580.1, 81559, 9.0, Disabled, Exclusive_Process\n"
        "echo GPU-2, NVIDIA H100, 580.1, 81559, 9.0, Enabled, Default\n"
    )
    tool.chmod(0o755)
    said = project("doctor", "--gpu", "--json", PATH=f"{tmp_path}:{project.env['PATH']}")
    first, second = said.json["problems"]
    assert first.startswith("GPU-1: one process at a time")
    assert second.startswith("GPU-2: divided (MIG)")
    shown = project("doctor", "--gpu", PATH=f"{tmp_path}:{project.env['PATH']}").out
    assert "GPU-2: divided (MIG)" in shown
