"""Distributed trainings on the CPU (gloo): trails are aligned by rank, and the rank, the tensor and
the exchange that a planted fault began in are named.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from torch_python import under

from reprobox.judge import trail
from reprobox.model.spec import Trail
from reprobox.model.verdict import TrailComparison
from reprobox.views import verdict

TRAINING = """
import os, sys, warnings
warnings.simplefilter("ignore")
import torch, torch.distributed as dist

def train(rank, ranks):
    kind, bad, at = os.environ["KIND"], int(os.environ.get("BAD", "-1")), 3
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    if kind == "ddp":
        net = torch.nn.parallel.DistributedDataParallel(net)
    elif kind == "fsdp":
        from torch.distributed.fsdp import FullyShardedDataParallel
        net = FullyShardedDataParallel(net, device_id=torch.device("cpu"))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(1, 6):
        data = torch.arange(32.0).reshape(4, 8) * (rank + 1) / 100
        if rank == bad and step == at:
            data[0, 0] += 1e-3
        optimizer.zero_grad()
        net(data).square().mean().backward()
        if kind == "plain":
            for parameter in net.parameters():
                dist.all_reduce(parameter.grad)
        optimizer.step()
    dist.destroy_process_group()

if __name__ == "__main__":
    if "RANK" in os.environ:
        train(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    else:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[2])
        ranks = int(sys.argv[1])
        torch.multiprocessing.start_processes(train, (ranks,), ranks, start_method="fork")
"""


def ran(directory: Path, kind: str, *, ranks: int, bad: int | None = None) -> Path:
    """One training by forked processes; its directory with the trails."""
    directory.mkdir()
    (directory / "train.py").write_text(TRAINING)
    planted = {} if bad is None else {"BAD": str(bad)}
    done = under(
        directory,
        "train.py",
        str(ranks),
        free_port(),
        trail=Trail(every=1, enabled=True),
        also=("collectives",),
        KIND=kind,
        **planted,
    )
    assert done.code == 0, done.err
    assert all(marker["errors"] == [] for marker in done.markers)
    return directory / "out"


def free_port() -> str:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def compared(left: Path, right: Path) -> TrailComparison:
    found = trail.compare_runs(left, right)
    assert found is not None
    return found


@pytest.mark.parametrize(("kind", "ranks"), [("ddp", 2), ("plain", 2), ("fsdp", 4)])
def test_a_fault_of_one_rank_is_named_with_its_exchange(
    kind: str, ranks: int, tmp_path: Path
) -> None:
    first = ran(tmp_path / "first", kind, ranks=ranks)
    assert len(list(first.glob("trail*.jsonl"))) == ranks
    again = compared(first, ran(tmp_path / "again", kind, ranks=ranks))
    assert (again.state, again.compared) == ("equal", 5 * ranks)
    found = compared(first, ran(tmp_path / "planted", kind, ranks=ranks, bad=ranks - 1))
    assert (found.state, found.step, found.rank) == ("different", 3, ranks - 1)
    assert len(found.also or ()) == ranks - 1
    assert found.exchange is not None
    # Newer torch's name first; FullyShardedDataParallel calls what its torch has.
    names = {
        "ddp": ("gradient",),
        "plain": ("all_reduce",),
        "fsdp": ("reduce_scatter_single", "reduce_scatter_tensor"),
    }
    assert found.exchange.name in names[kind]
    assert found.exchange.began == "this rank"
    lines = list(verdict.trail(found))
    assert lines[0].startswith("first divergence: step 3, parameters")
    assert lines[0].endswith(f"on rank {ranks - 1}")
    assert lines[1].startswith(f"rank {ranks - 1} began it: ")


def test_torchrun_names_the_ranks(tmp_path: Path) -> None:
    runs = []
    for name, planted in (("first", {}), ("second", {"BAD": "0"})):
        directory = tmp_path / name
        directory.mkdir()
        (directory / "train.py").write_text(TRAINING)
        done = under(
            directory,
            *("-m", "torch.distributed.run", "--nproc-per-node", "2"),
            *("--master-addr", "127.0.0.1", "--master-port", free_port(), "train.py"),
            trail=Trail(every=1, enabled=True),
            also=("collectives",),
            KIND="ddp",
            **planted,
        )
        assert done.code == 0, done.err
        runs.append(directory / "out")
    assert sorted(path.name for path in runs[0].glob("trail*")) == [
        "trail-rank0.jsonl",
        "trail-rank1.jsonl",
    ]
    found = compared(*runs)
    assert (found.step, found.rank, found.process, found.also) == (3, 0, "rank0", ("rank1",))


def test_a_collective_that_gives_another_result_for_the_same_is_named(tmp_path: Path) -> None:
    """No such fault can be had here: the second run is the first one's trail with other results."""
    first = ran(tmp_path / "first", "plain", ranks=2)
    second = tmp_path / "second"
    shutil.copytree(first, second)
    for path in second.glob("trail*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if line.get("s") == 4 and "p" in line:
                line["c"][2][2] = line["p"][2] = "0" * 16
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = compared(first, second)
    assert found.exchange is not None
    assert (found.exchange.name, found.exchange.what) == ("all_reduce", "call 3")
    assert found.exchange.began == "the exchange"
    assert any("no rank began it" in line for line in verdict.trail(found))
