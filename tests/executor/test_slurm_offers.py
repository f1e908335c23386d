"""What sinfo prints, read; test_slurm.py asks a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.cli.messages import Talk
from reprobox.commands.shared import cluster_check
from reprobox.context import Context
from reprobox.errors import SchedulerError
from reprobox.executor import slurm_offers
from reprobox.executor.scheduler import Partition

SINFO = """\
work*|up|1:00:00|1/2/0/3|4|4000|(null)
gpu|up|2-00:00:00|0/8/0/8|64+|515000+|gpu:h100:4(S:0-1),gpu:a100:2(S:0,1),tmp:100G
old|drain|infinite|0/0/1/1|8|16000|gpu:2
broken
"""


def test_partitions() -> None:
    work, gpu, old = slurm_offers.partitions(SINFO)
    assert work == Partition(
        name="work",
        default=True,
        state="up",
        time_limit="1:00:00",
        nodes=3,
        idle=2,
        cpus=4,
        memory=4000 << 20,
    )
    assert (gpu.name, gpu.default, gpu.cpus, gpu.memory) == ("gpu", False, 64, 515000 << 20)
    assert gpu.gpus == ("4 h100", "2 a100")
    assert (old.state, old.idle, old.gpus) == ("drain", 0, ("2 of no named model",))


@pytest.mark.parametrize(
    ("gres", "gpus"),
    [
        ("(null)", ()),
        ("", ()),
        ("gpu", ("1 of no named model",)),
        ("gpu:tesla", ("1 tesla",)),
        ("craynetwork:4,gpu:gtx:1(IDX:0)", ("1 gtx",)),
        ("gpu:nvidia_h100_80gb_hbm3:8(S:0-3)", ("8 nvidia_h100_80gb_hbm3",)),
    ],
)
def test_gpus(gres: str, gpus: tuple[str, ...]) -> None:
    (one,) = slurm_offers.partitions(f"p|up|1:00|0/1/0/1|1|1|{gres}")
    assert one.gpus == gpus


def test_limits_keep_the_clusters_own_names() -> None:
    config = {"MaxArraySize": "1001", "KillWait": "30 sec", "Other": "x"}
    assert slurm_offers.limits(config) == {"MaxArraySize": "1001", "KillWait": "30 sec"}


def test_without_slurm_doctor_has_nothing_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SchedulerError, match="there is no command scontrol") as caught:
        cluster_check.report(Context(start=tmp_path, progress=Talk(quiet=True)), "slurm")
    assert caught.value.next_step == "run this on a login node of the cluster"
