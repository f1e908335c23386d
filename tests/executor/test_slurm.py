"""Runs on a real Slurm: three nodes on this host, real jobs, a real engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster, until
from flow_project import Project, make_project
from slurm_runs import (
    begun,
    job,
    outcomes,
    submitted,
    tries,
    waited,
    waiting_project,
)
from waiting_runs import containers_alive

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    # Four tasks in an array, so that a sweep of six has tasks with two runs.
    made = Cluster(tmp_path_factory.mktemp("slurm") / "cluster", max_array=5)
    try:
        yield made.start()
    finally:
        made.stop()
        shutil.rmtree(made.top, ignore_errors=True)


@pytest.fixture
def on(cluster: Cluster, project: Project) -> Project:
    return waiting_project(project, cluster)


@pytest.fixture(scope="module", autouse=True)
def limited(
    cluster: Cluster,
    base_env: dict[str, str],
    locked_text: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Project, str]:
    """A run that meets the shortest limit that Slurm has, a minute, while the others are tested."""
    made = make_project(tmp_path_factory.mktemp("limited"), dict(base_env))
    made.write("reprobox.lock", locked_text)
    made = waiting_project(made, cluster)
    return made, submitted(made, "mode=wait", "--", "--time=1")


def test_a_run_on_slurm_is_the_run_on_this_host(on: Project, cluster: Cluster) -> None:
    here = on("show", on.run()["id"], "--json").json
    said = on("run", "config.yaml", "--on", "slurm", "--json")
    assert said.code == 0, said.err
    there = on("show", said.json["id"], "--json").json
    assert there["record"]["intent"]["identity"] == here["record"]["intent"]["identity"]
    assert there["record"]["intent"]["runspec"] == here["record"]["intent"]["runspec"]
    assert "begun 3" in said.err  # the program's output, as it came
    assert on("diff", here["id"], there["id"]).code == 0
    scheduler = there["record"]["intent"]["host"]["scheduler"]
    assert scheduler["name"] == "slurm"
    assert scheduler["node"] in cluster.nodes
    assert scheduler["job"] == job(on, there["id"])
    outcomes(on, there["id"], ["published"])
    assert not containers_alive(there["id"])
    assert on("fsck").code == 0
    # And a local run again from that record, and on the cluster from the local one.
    assert on("replay", there["id"]).code == 0
    again = on("replay", here["id"], "--on", "slurm")
    assert again.code == 0, again.err
    assert on("verify", there["id"]).code == 0


def test_doctor_says_what_the_cluster_offers(on: Project, cluster: Cluster) -> None:
    found = on("doctor", "--on", "slurm", "--json").json
    assert (found["executor"], found["cluster"]) == ("slurm", "reprobox")
    assert found["version"].startswith("Slurm 2")
    (work,) = found["partitions"]
    assert (work["name"], work["default"], work["state"]) == ("work", True, "up")
    assert (work["nodes"], work["cpus"], work["memory"]) == (3, 4, 4000 << 20)
    assert found["limits"]["MaxArraySize"] == "5"
    assert (found["tasks"], found["grace"]) == (4, 3.0)
    assert found["store"]["locks"] == "held"
    assert found["store"]["links"] == "exclusive"
    assert found["engines"]["docker"]["version"]
    assert found["problems"] == []
    said = on("doctor", "--on", "slurm").out
    assert "work (default): up, time limit 1:00:00, " in said
    assert "of 3 nodes idle, each 4 CPUs" in said
    assert on("doctor", "--on", "cloud").code == 2
    assert on("doctor", "latest", "--on", "slurm").code == 2
    settings = on.top.parent / "cluster.yaml"
    settings.write_text("slurm: {partition: elsewhere}\n")
    named = on("doctor", "--on", "slurm", "--json", REPROBOX_CLUSTER=str(settings))
    (problem,) = named.json["problems"]
    assert problem == "cluster.yaml names the partition elsewhere, and there are work"


def test_what_was_submitted_runs_whatever_is_checked_out_later(
    on: Project, cluster: Cluster
) -> None:
    commit = on.git("rev-parse", "HEAD")
    run = submitted(on, "mode=fail", "--", "--hold")
    assert on("show", run, "--json").json["state"] == "queued"
    on.write("train.py", "raise SystemExit(9)\n")
    on.git("commit", "-q", "--amend", "-a", "-m", "another program")
    on.git("reflog", "expire", "--expire=now", "--all")
    on.git("gc", "-q", "--prune=now")
    cluster.ask("scontrol", "release", job(on, run))
    code, record = waited(on, run)
    assert code == 3
    assert record["intent"]["source"]["commit"] == commit
    assert on("logs", run).out == "begun 3\n"


def test_logs_follow_and_stop_end_it(on: Project) -> None:
    run = submitted(on, "mode=wait")
    begun(on, run)
    assert on("show", run, "--json").json["state"] == "running"
    assert on("rm", run, "--force").code == 54
    assert on("logs", run).out == "begun 3\n"
    following = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "logs", "-f", run],
        cwd=on.top,
        env=on.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert on("stop", run).code == 0
    out, err = following.communicate(timeout=60)
    assert out == b"begun 3\n"
    assert b"interrupted" in err, err
    code, record = waited(on, run)
    assert code == 130
    assert record["exit"]["reason"] == "interrupted"
    assert not containers_alive(run)
    assert on("stop", run).code == 2


def test_scancel_ends_the_container_and_the_record_says_so(on: Project, cluster: Cluster) -> None:
    run = submitted(on, "mode=deaf")
    begun(on, run)
    cluster.ask("scancel", job(on, run))
    code, record = waited(on, run)
    assert code == 137
    assert record["exit"]["reason"] == "interrupted"
    assert "CANCELLED" in record["exit"]["message"]
    assert not containers_alive(run)
    pending = submitted(on, "--", "--hold")
    cluster.ask("scancel", job(on, pending))
    code, record = waited(on, pending)
    assert code == 130
    assert "It had not started" in record["exit"]["message"]


def test_a_worker_that_is_killed_takes_its_container_along(on: Project) -> None:
    run = submitted(on, "mode=wait")
    begun(on, run)
    (worker,) = workers(on, run)
    os.kill(worker, signal.SIGKILL)
    until(lambda: not containers_alive(run), 20)
    code, record = waited(on, run)
    assert code == 130
    assert record["exit"]["reason"] == "interrupted"
    assert "The process that supervised it ended" in record["exit"]["message"]
    assert "FAILED" in record["exit"]["message"]
    words = ["docker", "ps", "-a", "-q", "--filter", f"label=dev.reprobox.run={run}"]
    assert not subprocess.run(words, capture_output=True, check=True).stdout
    assert [one["path"] for one in on("show", run, "--json").json["outputs"]] == ["made"]


def workers(project: Project, run: str) -> list[int]:
    """Processes that execute a run, by their list of tasks."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"worker" in words and any(run.encode() in word for word in words):
                found.append(int(entry.name))
    return found


def test_a_requeued_job_runs_again_and_both_attempts_are_kept(
    on: Project, cluster: Cluster
) -> None:
    run = submitted(on, "mode=wait")
    begun(on, run)
    cluster.ask("scontrol", "requeue", job(on, run))
    until(lambda: tries(on, run)[0]["outcome"] == "interrupted")
    assert on("show", run, "--json").json["state"] in ("queued", "running")
    begun(on, run, 2)
    assert not on("stop", run).code
    code, _ = waited(on, run)
    assert code == 130
    outcomes(on, run, ["interrupted", "published"])
    assert not containers_alive(run)


def test_a_node_that_dies_loses_nothing(on: Project, cluster: Cluster) -> None:
    run = submitted(on, "mode=wait")
    begun(on, run)
    node = tries(on, run)[0]["node"]
    cluster.kill(node, with_jobs=True)
    until(lambda: not containers_alive(run), 20)
    # As the controller does by itself after its timeout; `make cluster` waits for that.
    cluster.ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=killed")
    try:
        begun(on, run, 2)
        assert tries(on, run)[1]["node"] != node
        assert on("stop", run).code == 0
        assert waited(on, run)[0] == 130
        outcomes(on, run, ["", "published"])
    finally:
        cluster.revive(node)


def test_the_submitter_may_die(on: Project) -> None:
    submitter = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "run", "config.yaml", "--on", "slurm"],
        cwd=on.top,
        env=on.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    runs = on.top / ".reprobox" / "runs"
    until(
        lambda: any(json.loads(path.read_bytes())["job"] for path in runs.glob("*/scheduled.json"))
    )
    submitter.kill()
    submitter.wait()
    (run,) = (path.name for path in runs.iterdir())
    assert waited(on, run)[0] == 0


def test_two_workers_of_one_run_publish_once(on: Project, cluster: Cluster) -> None:
    """As after a split of the network: the second is a replay that nobody asked for."""
    run = submitted(on, "--", "--hold")
    batch = on.top / ".reprobox" / "batches" / run / "tasks.jsonl"
    task = json.loads(batch.read_text())
    word = f"{run}@{task['intent']}"
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "reprobox.cli.main", "worker", ".reprobox", word],
            cwd=on.top,
            env=on.env,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    said = [one.communicate(timeout=60)[1].decode() for one in both]
    assert [one.returncode for one in both] == [0, 0], "\n".join(said)
    assert sorted(one["outcome"] for one in tries(on, run)) == ["published", "same"]
    cluster.ask("scancel", job(on, run))
    assert on("worker", ".reprobox", word).code == 0
    assert len(tries(on, run)) == 2  # it had its record
    assert on("worker", ".reprobox", f"{run}@sha256:{'0' * 64}").code == 0
    assert on("fsck").code == 0


def trials(project: Project) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = project("sweep", "status", "latest", "--json").json["trials"]
    return found


def test_a_sweep_is_one_array_with_several_runs_to_a_task(on: Project) -> None:
    said = on("sweep", "config.yaml", "scale=1,2,3,4,5,6", "--on", "slurm")
    assert said.code == 0, said.err
    assert [one["exit_code"] for one in trials(on)] == [0] * 6
    jobs = [job(on, one["run"]) for one in trials(on)]
    assert [one.partition("_")[2] for one in jobs] == ["0", "0", "1", "2", "2", "3"]
    assert len({one.partition("_")[0] for one in jobs}) == 1
    here = on.run("scale=2")
    assert on("diff", here["id"], trials(on)[1]["run"]).code == 0
    packed = on("sweep", "config.yaml", "scale=1,2,3", "--on", "slurm", "--pack", "3")
    assert packed.code == 0, packed.err
    assert len({job(on, one["run"]) for one in trials(on)}) == 1
    assert [one["exit_code"] for one in trials(on)] == [0] * 3


def test_one_run_of_a_task_is_stopped_alone_and_a_sweep_with_all(on: Project) -> None:
    words = ("mode=wait", "scale=1,2,3,4,5,6", "--on", "slurm", "--detach", "--jobs", "1")
    assert on("sweep", "config.yaml", *words).code == 0
    first, second = (one["run"] for one in trials(on)[:2])
    begun(on, first)
    assert on("stop", first).code == 0
    begun(on, second)
    assert waited(on, first)[0] == 130
    assert not containers_alive(first)
    assert on("sweep", "stop", "latest").code == 0
    for one in trials(on):
        assert waited(on, one["run"])[0] == 130
    assert not containers_alive(second)
    # A task with several runs that waits ends too, and not only when it gets its node.
    words = ("scale=1,2,3", "--on", "slurm", "--detach", "--pack", "3", "--", "--hold")
    assert on("sweep", "config.yaml", *words).code == 0
    assert on("sweep", "stop", "latest").code == 0
    for one in trials(on):
        code, record = waited(on, one["run"])
        assert (code, record["exit"]["reason"]) == (130, "interrupted")
    assert on("sweep", "config.yaml", "scale=1,2", "--on", "slurm", "--gpus", "0").code == 2


def test_what_cannot_be_submitted_leaves_nothing(on: Project) -> None:
    said = on("run", "config.yaml", "--on", "slurm", "--", "--partition=none")
    assert said.code == 125
    assert "invalid partition" in said.err.lower()
    assert on.runs() == []
    assert on.git("for-each-ref", "refs/reprobox") == ""
    path = os.pathsep.join(one for one in on.env["PATH"].split(os.pathsep) if "slurm" not in one)
    said = on("run", "config.yaml", "--on", "slurm", PATH=path)
    assert said.code == 125
    assert "there is no command" in said.err
    assert on("run", "config.yaml", "--", "--partition=work").code == 125
    assert on.runs() == []


def test_a_node_without_an_engine_is_said_in_the_record(on: Project) -> None:
    run = submitted(on, "--", "--export=ALL,DOCKER_HOST=unix:///nowhere.sock")
    code, record = waited(on, run)
    assert code == 125
    assert record["exit"]["reason"] == "engine"
    assert "could not be started on n" in record["exit"]["message"]
    until(lambda: {one["outcome"] for one in tries(on, run)} == {"failed"})


def test_a_time_limit_of_the_scheduler_is_what_the_record_says(
    limited: tuple[Project, str],
) -> None:
    project, run = limited
    code, record = waited(project, run)
    assert code == 124
    assert record["exit"]["reason"] == "timeout"
    assert "TIMEOUT" in record["exit"]["message"]
    assert not containers_alive(run)
