"""A node of a real Slurm that is given to a more urgent job, and the GPUs of its jobs.

There is no GPU here: Slurm hands out two device files that stand for GPUs. All else is real.
`python tests/cluster.py gpus` has runs with them, and `preemption` has many preemptions.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster, until
from flow_project import TOP, Project
from slurm_runs import begun, outcomes, submitted, tries, waited, waiting_project
from waiting_runs import containers_alive

from reprobox.config.cluster import SlurmSettings
from reprobox.errors import GpuUnavailable
from reprobox.executor.slurm import Slurm

pytestmark = pytest.mark.engine

DEVICES = """\
import os, pathlib, sys, time
from reprobox.commands.worker import _devices
from reprobox.executor.slurm import Slurm
folder = pathlib.Path(sys.argv[1])
given = _devices("1", Slurm(lambda: None).here())
(folder / f".{os.getpid()}").write_text(given)
(folder / f".{os.getpid()}").rename(folder / str(os.getpid()))
for _ in range(600):
    if len([path for path in folder.iterdir() if path.name[0] != "."]) == 2:
        break
    time.sleep(0.05)
"""
"""Writes which device a worker would give to a container; both jobs stay until both have one."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    top = tmp_path_factory.mktemp("slurm") / "cluster"
    made = Cluster(top, nodes=1, gpus=2, preemption=0)
    try:
        yield made.start()
    finally:
        made.stop()
        shutil.rmtree(made.top, ignore_errors=True)


def urgent(cluster: Cluster) -> None:
    """Submits a job that needs the whole node at once, and ends."""
    words = ("--parsable", "-p", "urgent", "-c", "4", "-o", "/dev/null", "--wrap", "true")
    number = cluster.ask("sbatch", *words).strip()
    state = ("squeue", "-h", "-t", "all", "-j", number, "-o", "%T")
    until(lambda: cluster.ask(*state).strip() == "COMPLETED", 60)


def test_a_preempted_run_runs_again_or_says_that_it_was_preempted(
    project: Project, cluster: Cluster
) -> None:
    on = waiting_project(project, cluster)
    again = submitted(on, "mode=wait", "--", "--mem=1000M")
    ended = submitted(on, "mode=wait", "--", "--mem=1000M", "--partition=cheap")
    for run in (again, ended):
        begun(on, run)
    urgent(cluster)
    for run in (again, ended):
        outcomes(on, run, ["interrupted"])
        assert tries(on, run)[0]["why"] == "the job was sent SIGTERM"
        assert not containers_alive(run)
    code, record = waited(on, ended)
    assert (code, record["exit"]["reason"]) == (130, "interrupted")
    assert "The scheduler ended its job on n1: PREEMPTED." in record["exit"]["message"]
    assert "PREEMPTED" in on("show", ended).out
    assert len(tries(on, ended)) == 1
    begun(on, again, 2)
    assert on("stop", again).code == 0
    code, record = waited(on, again)
    assert code == 130
    assert "PREEMPTED" not in record["exit"]["message"]
    outcomes(on, again, ["interrupted", "published"])
    heads = (on.top / ".reprobox" / "heads.log").read_text().splitlines()
    assert [json.loads(line)["run"] for line in heads] == [ended, again]


def test_jobs_side_by_side_have_different_gpus(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "devices.py"
    program.write_text(DEVICES)
    (tmp_path / "seen").mkdir()
    words = [sys.executable, str(program), str(tmp_path / "seen")]
    script = f"PYTHONPATH={shlex.quote(str(TOP))} {shlex.join(words)}"
    options = ("--array=0-1", "--mem=500M", "--gres=gpu:1", "-o", str(tmp_path / "job-%a.log"))
    cluster.ask("sbatch", *options, "--wrap", script)
    seen = tmp_path / "seen"
    until(lambda: len([one for one in seen.iterdir() if one.name[0] != "."]) == 2, 60)
    assert {one.read_text() for one in seen.iterdir()} == {"device=0", "device=1"}
    for name, value in cluster.env.items():
        monkeypatch.setenv(name, value)
    slurm = Slurm(SlurmSettings)
    assert {one.gpus for one in slurm.offers().partitions} == {("2 h100",)}
    assert slurm._gpu_type("NVIDIA H100 80GB HBM3") == "h100"
    with pytest.raises(GpuUnavailable, match="this partition says it has h100"):
        slurm._gpu_type("NVIDIA A100-SXM4-80GB")
