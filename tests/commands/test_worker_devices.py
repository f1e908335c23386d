"""Which devices a container gets from a job of Slurm: by its variables, without a cluster."""

from __future__ import annotations

import pytest

from reprobox.commands import worker
from reprobox.config.cluster import SlurmSettings
from reprobox.errors import GpuUnavailable
from reprobox.executor.scheduler import Here
from reprobox.executor.slurm import Slurm


def given(*gpus: str) -> Here:
    return Here(job="7", attempt="7.0", node="n1", gpus=gpus or None)


@pytest.mark.parametrize(
    ("asked", "here", "devices"),
    [
        ("1", given("1"), "device=1"),
        ("2", given("4", "6"), "device=4,6"),
        ("1", given("4", "6"), "device=4"),
        ("device=0", given("3"), "device=3"),
        ("nvidia.com/gpu=0", given("3"), "nvidia.com/gpu=3"),
        (None, given("3"), None),
        ("1", None, None),
    ],
)
def test_a_container_gets_devices_of_its_job(
    asked: str | None, here: Here | None, devices: str | None
) -> None:
    assert worker._devices(asked, here) == devices


@pytest.mark.parametrize("here", [given(), given("0")])
def test_a_job_with_too_few_devices_is_refused(here: Here) -> None:
    with pytest.raises(GpuUnavailable, match="asks for 2 GPUs") as caught:
        worker._devices("2", here)
    assert "--gres" in (caught.value.next_step or "")


@pytest.mark.parametrize(
    ("variables", "gpus"),
    [
        # Where Slurm confines devices, CUDA_VISIBLE_DEVICES counts within the job.
        ({"SLURM_JOB_GPUS": "1", "CUDA_VISIBLE_DEVICES": "0"}, ("1",)),
        ({"SLURM_JOB_GPUS": "2,5"}, ("2", "5")),
        ({"SLURM_STEP_GPUS": "3"}, ("3",)),
        ({"CUDA_VISIBLE_DEVICES": "0"}, None),
        ({}, None),
    ],
)
def test_devices_are_named_by_the_ids_of_the_host(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], gpus: tuple[str, ...] | None
) -> None:
    for name in ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"SLURM_JOB_ID": "7", **variables}.items():
        monkeypatch.setenv(name, value)
    here = Slurm(SlurmSettings).here()
    assert here is not None
    assert here.gpus == gpus
