"""`make cluster`: what `--on slurm` costs and survives, on a real Slurm of its own.

    python tests/cluster.py overhead [--pairs 7]      one run through Slurm next to one on this host
    python tests/cluster.py empty [--tasks 500]       a sweep of empty programs next to a bare array
    python tests/cluster.py engines [--runs 50]       trainings on nodes with different engines
    python tests/cluster.py deaths [--kills 20]       nodes, workers and the controller are killed

Each part prints its figures with the load of the machine, and fails where a run is lost, is there
twice, or leaves a container.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[1]
sys.path.insert(0, str(TOP / "tests" / "support"))

from cluster import Cluster, until  # noqa: E402
from flow_project import Project, make_project  # noqa: E402

TRAIN = """\
import json, os, random, sys, time
text = dict(line.strip().split(": ") for line in open(sys.argv[1]) if line[:4] in ("scal", "last"))
rate, draw = 0.01 * int(text["scale"]), random.Random(7)
points = [[draw.gauss(0, 1) for _ in range(8)] for _ in range(300)]
labels = [1.0 if sum(p[:4]) + draw.gauss(0, 0.3) > 0 else 0.0 for p in points]
weights = [random.uniform(-0.1, 0.1) for _ in range(8)]
for _ in range(30):
    for point, label in zip(points, labels):
        guess = 1 / (1 + 2.718281828 ** -sum(w * x for w, x in zip(weights, point)))
        weights = [w + rate * (label - guess) * x for w, x in zip(weights, point)]
time.sleep(float(text["lasts"]))
os.makedirs("results", exist_ok=True)
json.dump(weights, open("results/metrics.json", "w"))
"""
EMPTY = "open('made', 'w').write('1')\n"


@contextlib.contextmanager
def world(program: str, **settings: Any) -> Iterator[tuple[Cluster, Project]]:
    """A cluster, and a locked project with a program."""
    top = Path(tempfile.mkdtemp(prefix="reprobox-cluster-"))
    home = top / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = A\n\temail = a@example.invalid\n[init]\n\tdefaultBranch = main\n"
    )
    store = os.environ.get("REPROBOX_TEST_STORE") or str(TOP / ".tools" / "store")
    kept = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_", "DOCKER_", "LANG"))}
    cluster = Cluster(top / "cluster", **settings)
    env = {**kept, **cluster.env, "HOME": str(home), "REPROBOX_HOME": store}
    env |= {"PYTHONPATH": str(TOP), "TZ": "UTC", "REPROBOX_CLUSTER": str(home / "cluster.yaml")}
    (home / "cluster.yaml").write_text("slurm: {}\n")
    (top / "project").mkdir()
    try:
        cluster.start()
        project = make_project(top / "project", env)
        project.write("train.py", program)
        text = (project.top / "config.yaml").read_text()
        project.write("config.yaml", f"lasts: 0\n{text}")
        for verb in ("lock", "build"):
            must(project, verb, "config.yaml")
        project.commit("an experiment")
        yield cluster, project
    finally:
        cluster.stop()
        shutil.rmtree(top, ignore_errors=True)


def must(project: Project, *words: str) -> str:
    said = project(*words)
    if said.code:
        raise SystemExit(f"{words}: exit {said.code}\n{said.err}")
    return said.out


def tell(**figures: Any) -> None:
    line = {**figures, "load": round(os.getloadavg()[0], 1)}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def overhead(pairs: int) -> None:
    """Seconds of `run --on slurm` more than of `run`, paired."""
    with world(EMPTY, nodes=1) as (_, project):
        must(project, "run", "config.yaml")
        must(project, "run", "config.yaml", "--on", "slurm")
        found = []
        for number in range(pairs):
            here = lambda: must(project, "run", "config.yaml")  # noqa: E731
            there = lambda: must(project, "run", "config.yaml", "--on", "slurm")  # noqa: E731
            if number % 2:
                local, slurm = timed(here), timed(there)
            else:
                slurm, local = timed(there), timed(here)
            found.append((local, slurm))
        tell(
            part="overhead",
            pairs=pairs,
            local=round(statistics.median(one for one, _ in found), 2),
            slurm=round(statistics.median(one for _, one in found), 2),
            more=round(statistics.median(b - a for a, b in found), 2),
        )


def empty(tasks: int) -> None:
    """A sweep of programs that end at once, next to `sbatch --array` of the same container."""
    with world(EMPTY, nodes=1, cpus=4, max_array=tasks + 1) as (cluster, project):
        must(project, "run", "config.yaml")
        tag = json.loads(must(project, "build", "--json"))["tag"]
        words = "docker run --rm --network none --read-only " + tag
        script = f'{words} python3 -c "pass"'

        def bare() -> None:
            last = f"--array=0-{tasks - 1}"
            cluster.ask("sbatch", "--wait", last, "-o", "/dev/null", "--wrap", script)

        values = f"scale=range({tasks})"
        submit = timed(
            lambda: must(project, "sweep", "config.yaml", values, "--on", "slurm", "--detach")
        )
        ran = timed(lambda: until(lambda: not waiting(cluster), 3000))
        recorded = list((project.top / ".reprobox" / "runs").glob("*/record.json"))
        plain = timed(bare)
        tell(
            part="empty",
            tasks=tasks,
            submit=round(submit, 1),
            sweep=round(submit + ran, 1),
            bare=round(plain, 1),
            records=len(recorded) - 1,
        )


def waiting(cluster: Cluster) -> list[str]:
    return cluster.ask("squeue", "-h", "-o", "%i").split()


def engines(runs: int) -> None:
    """Trainings on a node with Docker and nodes with Apptainer, each value twice."""
    apptainer = TOP / ".tools" / "apptainer" / "usr" / "bin"
    with world(TRAIN, nodes=3, cpus=1) as (_, project):
        choose = project.top.parent / "choose"
        choose.write_text(
            "#!/bin/sh\ncase $SLURMD_NODENAME in n1) ;; *) export REPROBOX_ENGINE=apptainer "
            f"PATH={apptainer}:$PATH REPROBOX_APPTAINER={project.top.parent}/box-$SLURMD_NODENAME;;"
            f' esac\nexec {sys.executable} "$@"\n'
        )
        choose.chmod(0o755)
        Path(project.env["REPROBOX_CLUSTER"]).write_text(f"slurm: {{python: {choose}}}\n")
        half = f"scale=range(1,{runs // 2 + 1})"
        for _ in range(2):
            must(project, "sweep", "config.yaml", half, "--on", "slurm")
        found: dict[str, set[str]] = collections.defaultdict(set)
        names: collections.Counter[str] = collections.Counter()
        for path in (project.top / ".reprobox" / "runs").glob("*/record.sha256"):
            record = json.loads(must(project, "show", path.parent.name, "--json"))["record"]
            found[record["intent"]["identity"]].add(record["outputs"]["manifest"])
            names[f"{record['intent']['engine'].get('name')} exit {record['exit']['code']}"] += 1
        same = all(len(one) == 1 for one in found.values())
        tell(part="engines", runs=sum(names.values()), by=dict(names), identities=len(found))
        if sum(names.values()) != runs // 2 * 2 or not same or len(found) != runs // 2:
            raise SystemExit(f"not one record each, or not the same outputs: {found}")


def deaths(kills: int, seed: int) -> None:
    """A sweep while nodes, workers and the controller are killed; every run has one record."""
    draw, runs = random.Random(seed), max(12, kills)
    with world(TRAIN, nodes=3, cpus=2) as (cluster, project):
        words = (f"scale=range(1,{runs + 1})", "lasts=4", "--on", "slurm", "--detach")
        must(project, "sweep", "config.yaml", *words)
        done: collections.Counter[str] = collections.Counter()
        for _ in range(kills):
            time.sleep(draw.uniform(1, 4))
            kind = draw.choice(("node", "worker", "controller"))
            done[kind] += 1
            kill(cluster, kind, draw)
        revive(cluster)
        begun = time.perf_counter()
        found = json.loads(must(project, "sweep", "status", "latest", "--json"))["trials"]
        for one in found:
            project("wait", one["run"])
            revive(cluster)
        ended = [project("show", one["run"], "--json").json["record"]["exit"] for one in found]
        heads = (project.top / ".reprobox" / "heads.log").read_text().splitlines()
        told = collections.Counter((one["run"], one["record"]) for one in map(json.loads, heads))
        left = containers(project)
        tell(
            part="deaths",
            runs=runs,
            kills=dict(done),
            seed=seed,
            recorded=len(ended),
            by=dict(collections.Counter(f"{e['reason']} {e['code']}" for e in ended)),
            heads=len({run for run, _ in told}),
            containers_left=len(left),
            seconds_to_the_last=round(time.perf_counter() - begun),
        )
        if len(ended) != runs or len(told) != runs or left:
            raise SystemExit(f"lost or doubled: {told}, {left}")


def kill(cluster: Cluster, kind: str, draw: random.Random) -> None:
    if kind == "controller":
        cluster.kill("slurmctld")
        time.sleep(1)
        cluster.start_controller()
        return
    node = draw.choice(cluster.nodes)
    if kind == "node":
        cluster.kill(node, with_jobs=True)
        cluster.start_node(node)
    for pid in cluster.steps(node):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def revive(cluster: Cluster) -> None:
    """What an administrator does: nodes back to work, held jobs released."""
    time.sleep(1)
    for node in cluster.nodes:
        with contextlib.suppress(AssertionError):
            cluster.ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
    with contextlib.suppress(AssertionError):
        held = cluster.ask("squeue", "-h", "-t", "pending", "-o", "%i %r").splitlines()
        for line in held:
            if "held" in line.lower():
                cluster.ask("scontrol", "release", line.split()[0])


def containers(project: Project) -> list[str]:
    label = f"label=dev.reprobox.project={project.top}/.reprobox"
    words = ["docker", "ps", "-a", "-q", "--filter", label]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", default=["overhead", "empty", "engines", "deaths"])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "overhead": lambda: overhead(asked.pairs),
        "empty": lambda: empty(asked.tasks),
        "engines": lambda: engines(asked.runs),
        "deaths": lambda: deaths(asked.kills, asked.seed),
    }
    for name in asked.parts:
        parts[name]()


if __name__ == "__main__":
    main()
