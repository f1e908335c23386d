"""`make cluster`: what `--on slurm` costs and survives, on a real Slurm of its own.

    python tests/cluster.py overhead [--pairs 7]      one run through Slurm next to one on this host
    python tests/cluster.py empty [--tasks 500] [--rounds 1] [--pack 25]
                                                      a sweep of empty programs next to a bare array
    python tests/cluster.py many [--submitted 10000]  a sweep that is submitted, held, and stopped
    python tests/cluster.py deaths [--kills 20]       nodes, workers and the controller are killed,
                                                      once for each of --seeds
    python tests/cluster.py preemption [--preempted 8] two sweeps that urgent jobs push aside: one
                                                      waits and runs again, the other one is ended
    python tests/cluster.py gpus [--with-gpus 6]      a sweep on a node of two GPUs, which are fakes
    scripts/engines only podman python tests/cluster.py engines [--runs 50]
                                                      trainings of examples/digits on three nodes:
                                                      Docker, Podman and Apptainer

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
from collections.abc import Callable, Iterator, Sequence
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


def program(text: str) -> Callable[[Project], None]:
    """Makes a small project whose program is `text`."""

    def make(project: Project) -> None:
        make_project(project.top, project.env)
        project.write("train.py", text)
        config = (project.top / "config.yaml").read_text()
        project.write("config.yaml", f"lasts: 0\n{config}")

    return make


def digits(project: Project) -> None:
    """The example that trains on real digits, without its limit of memory: two of the engines hold
    none where control groups are of version 1.
    """
    shutil.copytree(TOP / "examples" / "digits", project.top, dirs_exist_ok=True)
    config = (project.top / "config.yaml").read_text()
    assert "  memory: 3g\n" in config
    project.write("config.yaml", config.replace("  memory: 3g\n", ""))
    project.git("init", "-q")
    project.commit("the example")


@contextlib.contextmanager
def world(make: Callable[[Project], None], **settings: Any) -> Iterator[tuple[Cluster, Project]]:
    """A cluster, and a locked project."""
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
        project = Project(top / "project", env)
        make(project)
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
    """Seconds of `run --on slurm` more than of `run`, paired, and of a job of Slurm that only makes
    a file: what the controller takes to start it, which looks once a second.
    """
    with world(program(EMPTY), nodes=1) as (cluster, project):
        must(project, "run", "config.yaml")
        must(project, "run", "config.yaml", "--on", "slurm")

        def bare() -> None:
            made = project.top.parent / "made"
            made.unlink(missing_ok=True)
            cluster.ask("sbatch", "-o", "/dev/null", "--wrap", f"touch {made}")
            until(made.exists, every=0.01)

        kinds: dict[str, Callable[[], object]] = {
            "local": lambda: must(project, "run", "config.yaml"),
            "slurm": lambda: must(project, "run", "config.yaml", "--on", "slurm"),
            "bare": bare,
        }
        found: dict[str, list[float]] = {name: [] for name in kinds}
        for number in range(pairs):
            for name in list(kinds)[:: -1 if number % 2 else 1]:
                time.sleep(random.uniform(0, 1))  # so that the controller's second is met anywhere
                found[name].append(timed(kinds[name]))
        more = [b - a for a, b in zip(found["local"], found["slurm"], strict=True)]
        tell(
            part="overhead",
            pairs=pairs,
            **{name: round(statistics.median(each), 2) for name, each in found.items()},
            more=round(statistics.median(more), 2),
            more_than_bare=round(statistics.median(more) - statistics.median(found["bare"]), 2),
        )


def empty(tasks: int, rounds: int, pack: int) -> None:
    """A sweep of programs that end at once, next to `sbatch --array` of the same container."""
    with world(program(EMPTY), nodes=1, cpus=4, max_array=tasks + 1) as (cluster, project):
        must(project, "run", "config.yaml")
        tag = json.loads(must(project, "build", "--json"))["tag"]
        script = f'docker run --rm --network none --read-only {tag} python3 -c "pass"'

        def over() -> None:
            until(lambda: not waiting(cluster), 3000, every=0.5)

        def bare() -> None:
            last = f"--array=0-{tasks - 1}"
            cluster.ask("sbatch", last, "-o", "/dev/null", "--wrap", script)
            over()

        def sweep(number: int) -> None:
            first = number * tasks
            words = (f"scale=range({first},{first + tasks})", "--pack", str(pack))
            must(project, "sweep", "config.yaml", *words, "--on", "slurm", "--detach")
            submitted.append(time.perf_counter())
            over()

        found, submitted = [], list[float]()
        for number in range(rounds):
            plain = timed(bare) if number % 2 else None
            begun = time.perf_counter()
            ours = timed(lambda: sweep(number))  # noqa: B023
            plain = plain or timed(bare)
            found.append((ours, plain))
            recorded = list((project.top / ".reprobox" / "runs").glob("*/record.json"))
            tell(
                part="empty",
                tasks=tasks,
                runs_of_a_task=pack,
                submit=round(submitted[-1] - begun, 1),
                sweep=round(ours, 1),
                bare=round(plain, 1),
                records=len(recorded) - 1,
            )
            if len(recorded) - 1 != tasks * (number + 1):
                raise SystemExit("a run has no record")
        tell(part="empty", ratio=round(statistics.median(a / b for a, b in found), 2))


def many(runs: int) -> None:
    """A sweep below Slurm's own limits, held so that nothing of it runs: how long its submission and
    its status take, and whether every run has its record after it was stopped.
    """
    with world(program(EMPTY), nodes=1) as (cluster, project):
        must(project, "run", "config.yaml")
        values = (f"scale=range({runs})", "--on", "slurm", "--detach", "--", "--hold")
        submit = timed(lambda: must(project, "sweep", "config.yaml", *values))
        tasks = len(cluster.ask("squeue", "-h", "-r", "-o", "%i").split())
        words = ("sweep", "status", "latest", "--json")
        status = timed(lambda: must(project, *words))
        trials = json.loads(must(project, *words))["trials"]
        states = collections.Counter(one["state"] for one in trials)
        stop = timed(lambda: must(project, "sweep", "stop", "latest"))
        until(lambda: not waiting(cluster), 300, every=1)
        record = timed(lambda: must(project, *words))
        done = json.loads(must(project, *words))["done"]
        tell(
            part="many",
            runs=runs,
            tasks=tasks,
            submit=round(submit, 1),
            status=round(status, 1),
            states=dict(states),
            stop=round(stop, 1),
            record_all=round(record, 1),
            recorded=done,
        )
        if states != {"queued": runs} or done != runs:
            raise SystemExit("a run is not queued, or has no record after it was cancelled")


def waiting(cluster: Cluster) -> list[str]:
    return cluster.ask("squeue", "-h", "-o", "%i").split()


ENGINE_OF = """\
#!/bin/sh
case $SLURMD_NODENAME in
  n1) export REPROBOX_ENGINE=docker ;;
  n2) export REPROBOX_ENGINE=podman CONTAINER_HOST={podman} ;;
  n3) export REPROBOX_ENGINE=apptainer PATH={apptainer}:$PATH REPROBOX_APPTAINER={top}/apptainer ;;
esac
exec {python} "$@"
"""
"""The Python of the nodes: each node has one engine."""


def engines(runs: int) -> None:
    """Trainings on three nodes, one with Docker, one with Podman, one with Apptainer; each value
    twice, so that the two may be on different engines.
    """
    named = dict(
        one.split("=", 1) for one in os.environ.get("REPROBOX_ENGINES", "").split(",") if one
    )
    if "podman" not in named:
        raise SystemExit("no Podman: scripts/engines only podman python tests/cluster.py engines")
    with world(digits, nodes=3, cpus=1) as (_, project):
        top = project.top.parent
        places_of = {"podman": named["podman"], "apptainer": TOP / ".tools/apptainer/usr/bin"}
        (top / "python").write_text(ENGINE_OF.format(**places_of, top=top, python=sys.executable))
        (top / "python").chmod(0o755)
        Path(project.env["REPROBOX_CLUSTER"]).write_text(f"slurm: {{python: {top}/python}}\n")
        begun = time.perf_counter()
        rates = [f"{0.001 * number:g}" for number in range(1, runs // 2 + 1)]
        # Turned by one, so that a value is not on the same node again where nodes take turns.
        for values in (rates, [*rates[1:], rates[0]]):
            words = (f"learning_rate={','.join(values)}", "epochs=2", "--on", "slurm")
            must(project, "sweep", "config.yaml", *words)
        took = time.perf_counter() - begun
        outputs: dict[str, set[str]] = collections.defaultdict(set)
        places: dict[str, set[str]] = collections.defaultdict(set)
        by: collections.Counter[str] = collections.Counter()
        for row in json.loads(must(project, "ls", "--json", "-n", "0")):
            record = json.loads(must(project, "show", row["id"], "--json"))["record"]
            intent = record["intent"]
            engine = f"{intent['engine']['name']} {intent['engine']['version']}"
            by[f"{engine}, exit {record['exit']['code']}"] += 1
            outputs[intent["identity"]].add(record["outputs"]["manifest"])
            places[intent["identity"]].add(engine)
        tell(
            part="engines",
            records=sum(by.values()),
            by=dict(by),
            run_specs=len(outputs),
            on_two_engines=sum(len(one) == 2 for one in places.values()),
            different_outputs=sum(len(one) > 1 for one in outputs.values()),
            distinct_outputs=len(set().union(*outputs.values())),
            seconds=round(took),
        )
        ended = all(name.endswith("exit 0") for name in by)
        if sum(by.values()) != runs // 2 * 2 or len(outputs) != runs // 2 or not ended:
            raise SystemExit(f"not one record each: {by}")
        if any(len(one) > 1 for one in outputs.values()):
            raise SystemExit(f"equal RunSpecs have different outputs: {outputs}")
        if len(by) != 3:
            raise SystemExit(f"not on three engines: {by}")


def preemption(runs: int, seed: int) -> None:
    """Half of the runs in a partition whose jobs wait again when they are preempted, half in one
    whose jobs are then ended, each with 2 s between the notice and TERM.
    """
    draw, half = random.Random(seed), max(2, runs // 2)
    with world(program(TRAIN), nodes=2, cpus=2, preemption=0) as (cluster, project):
        trials: dict[str, list[str]] = {}
        for partition in ("work", "cheap"):
            words = (f"scale=range(1,{half + 1})", "lasts=8", "--on", "slurm", "--detach", "--")
            must(project, "sweep", "config.yaml", *words, f"--partition={partition}", "--mem=900M")
            status = json.loads(must(project, "sweep", "status", "latest", "--json"))
            trials[partition] = [one["run"] for one in status["trials"]]
        sent = 0
        deadline = time.monotonic() + 900
        while not all(recorded(project, run) for each in trials.values() for run in each):
            if time.monotonic() > deadline:
                raise SystemExit(f"not over: {cluster.ask('squeue')}")
            time.sleep(draw.uniform(2, 4))
            if sent < half:  # the last ones are left alone, so that those that wait come to an end
                words = ("-p", "urgent", "-c", "2", "-o", "/dev/null", "--wrap", "sleep 1")
                cluster.ask("sbatch", *words)
                sent += 1
            must(project, "ls")  # writes the records of those whose job was ended
        records = {name: [record_of(project, run) for run in each] for name, each in trials.items()}
        tried = [len(attempts_of(project, run)) for run in trials["work"]]
        by = {name: collections.Counter(map(ending, each)) for name, each in records.items()}
        heads = (project.top / ".reprobox" / "heads.log").read_text().splitlines()
        left = containers(project)
        tell(
            part="preemption",
            runs=2 * half,
            urgent_jobs=sent,
            again={"ended": dict(by["work"]), "attempts": dict(collections.Counter(tried))},
            ended=dict(by["cheap"]),
            heads=len(heads),
            containers_left=len(left),
        )
        if set(by["work"]) != {"exited 0"} or max(tried) < 2:
            raise SystemExit("a run that was preempted did not end by itself, or none was")
        if set(by["cheap"]) - {"exited 0", "PREEMPTED"} or not by["cheap"]["PREEMPTED"]:
            raise SystemExit("a record does not say that its run was preempted, or none was")
        if len(heads) != 2 * half or left:
            raise SystemExit(f"lost or doubled, or a container is left: {left}")


def recorded(project: Project, run: str) -> bool:
    return (project.top / ".reprobox" / "runs" / run / "record.json").exists()


def record_of(project: Project, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(must(project, "show", run, "--json"))["record"]
    return found


def attempts_of(project: Project, run: str) -> list[Path]:
    return list((project.top / ".reprobox" / "runs" / run / "attempts").iterdir())


def ending(record: dict[str, Any]) -> str:
    ended = record["exit"]
    preempted = ended["reason"] == "interrupted" and "PREEMPTED" in ended["message"]
    return "PREEMPTED" if preempted else f"{ended['reason']} {ended['code']}"


HOOK = """\
#!/bin/sh
# The engine calls it before the program starts, with the container's state on stdin.
bundle=$(sed 's/.*"bundle":"\\([^"]*\\)".*/\\1/')
sed 's/.*"NVIDIA_VISIBLE_DEVICES=\\([^"]*\\)".*/\\1/' "$bundle/config.json" > {top}/seen/$$
"""


def gpus(runs: int) -> None:
    """A sweep whose runs ask for a GPU each, on a node with two. No GPU is here: Slurm hands out
    two device files, and a Docker of its own calls a stub of NVIDIA's hook, which notes what it
    was asked for.
    """
    from second_engine import SecondEngine

    with world(program(TRAIN), nodes=1, gpus=2) as (_, project):
        top = project.top.parent
        for name in ("seen", "hooks"):
            (top / name).mkdir()
        hook = top / "hooks" / "nvidia-container-runtime-hook"
        hook.write_text(HOOK.format(top=top))
        hook.chmod(0o755)
        engine = SecondEngine(first_on_path=hook.parent).start()
        try:
            project.env["DOCKER_HOST"] = engine.url
            must(project, "build")
            words = ("lasts=2", "reprobox.gpus=1", "--on", "slurm", "--", "--mem=500M", "-c", "1")
            must(project, "sweep", "config.yaml", f"scale=range(1,{runs + 1})", *words)
        finally:
            engine.close()
        status = json.loads(must(project, "sweep", "status", "latest", "--json"))
        records = [record_of(project, one["run"]) for one in status["trials"]]
        times = [(one["started"], one["finished"]) for one in records]
        devices = [one["intent"]["host"]["scheduler"]["gpus"] for one in records]
        overlaps = [
            devices[one] == devices[other]
            for one in range(runs)
            for other in range(one)
            if times[one][0] < times[other][1] and times[other][0] < times[one][1]
        ]
        asked = collections.Counter(path.read_text().strip() for path in (top / "seen").iterdir())
        given = collections.Counter(",".join(one) for one in devices)
        tell(
            part="gpus",
            runs=runs,
            by=dict(collections.Counter(map(ending, records))),
            given=dict(given),
            asked_of_the_engine={k: n for k, n in asked.items() if k != "all"},
            side_by_side=len(overlaps),
            with_one_device=sum(overlaps),
        )
        if set(given) != {"0", "1"} or any(overlaps) or not overlaps:
            raise SystemExit("two runs had one GPU at a time, or none were side by side")
        if any(asked[name] != count for name, count in given.items()):
            raise SystemExit("a container was given another GPU than its job")


def every_seed(kills: int, seeds: Sequence[int]) -> None:
    for seed in seeds:
        deaths(kills, seed)


def deaths(kills: int, seed: int) -> None:
    """A sweep while nodes, workers and the controller are killed; every run has one record."""
    draw, runs = random.Random(seed), max(12, kills)
    with world(program(TRAIN), nodes=3, cpus=2) as (cluster, project):
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

        def over() -> bool:
            revive(cluster)  # jobs are held also later: a start that failed is noticed late
            return ended_all(project)

        until(over, 900, every=2)
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


def ended_all(project: Project) -> bool:
    """Whether every trial has its record; asking also writes those that no worker will write."""
    status = json.loads(must(project, "sweep", "status", "latest", "--json"))
    return bool(status["done"] == status["total"])


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
    usual = ["overhead", "empty", "preemption", "gpus", "deaths"]
    parser.add_argument("parts", nargs="*", default=usual)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pack", type=int, default=25)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--preempted", type=int, default=8)
    parser.add_argument("--with-gpus", type=int, default=6)
    parser.add_argument("--submitted", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    parts: dict[str, Callable[[], object]] = {
        "overhead": lambda: overhead(asked.pairs),
        "empty": lambda: empty(asked.tasks, asked.rounds, asked.pack),
        "engines": lambda: engines(asked.runs),
        "many": lambda: many(asked.submitted),
        "preemption": lambda: preemption(asked.preempted, asked.seeds[0]),
        "gpus": lambda: gpus(asked.with_gpus),
        "deaths": lambda: every_seed(asked.kills, asked.seeds),
    }
    for name in asked.parts:
        parts[name]()


if __name__ == "__main__":
    main()
