"""A small laboratory for screenshots and browser tests: a sweep, replays on three machines, a pair
that diverges. No container makes these runs; their records are written as a run would write them.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

from harness_runs import NOW
from web_world import World, git, npy, png

from reprobox.kit import canon
from reprobox.model.verdict import (
    Class,
    FileState,
    FileVerdict,
    TrailComparison,
    Verdict,
)

MACHINES = {
    "lab-1": ("AMD EPYC 7543", "NVIDIA A100"),
    "lab-2": ("Intel Xeon 6430", "NVIDIA H100"),
    "laptop": ("AMD Ryzen 7840U", None),
}
SWEEP = "20261120-153000-calm-heron-0a1b"
_TENSORS = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc.weight", "fc.bias")


def observed(machine: str) -> dict[str, Any]:
    cpu, gpu = MACHINES[machine]
    return {
        "outside": {},
        "cpu": {"model_name": cpu},
        "gpus": [{"name": gpu}] if gpu else [],
        "processes": [{"argv": ["python", "train.py"], "python": "3.11"}],
    }


def training(lr: float, seed: int, steps: int = 60) -> tuple[str, float]:
    """A history as a program would write it, and the accuracy at its end."""
    chance = random.Random(f"{lr} {seed}")
    rate = 0.02 + 0.06 * math.exp(-((math.log10(lr) + 2) ** 2))
    lines, loss = ["step,loss,accuracy"], 2.3
    accuracy = 0.1
    for step in range(1, steps + 1):
        loss = 0.08 + 2.2 * math.exp(-rate * step) + chance.gauss(0, 0.015)
        accuracy = 0.985 - 0.88 * math.exp(-rate * step) + chance.gauss(0, 0.004)
        lines.append(f"{step},{max(loss, 0.01):.5f},{min(accuracy, 0.999):.5f}")
    return "\n".join(lines) + "\n", round(min(accuracy, 0.999), 5)


def trail(diverges: int | None = None, steps: int = 24) -> list[Any]:
    """A trail; from a step on the fingerprints are other ones, in one tensor first, then in more."""
    lines: list[Any] = [
        {"format": "reprobox.trail/1", "process": "main", "every": 1},
        {"o": 0, "class": "SGD", "names": list(_TENSORS), "shapes": [[1]] * len(_TENSORS)},
    ]
    for step in range(1, steps + 1):
        other = [diverges is not None and step >= diverges + late for late in (3, 4, 0, 1, 2, 2)]
        prints = [
            f"{name}{step}{'x' if differs else ''}"
            for name, differs in zip(_TENSORS, other, strict=True)
        ]
        lines.append({"o": 0, "s": step, "p": prints, "rng": "r"})
    return lines


def outputs(lr: float, seed: int, shade: int) -> dict[str, bytes]:
    history, accuracy = training(lr, seed)
    chance = random.Random(seed)
    return {
        "results/metrics.json": json.dumps({"accuracy": accuracy}).encode(),
        "results/history.csv": history.encode(),
        "results/curve.png": png(220, 150, shade),
        "results/weights.npy": npy([chance.gauss(0, 0.5) for _ in range(2000)]),
        "results/predictions.csv": b"id,label,probability\n"
        + b"".join(b"%d,%d,0.9%d\n" % (n, n % 10, n % 10) for n in range(300)),
    }


def replayed(
    world: World, number: int, original: str, machine: str, result: Class, **more: Any
) -> str:
    """A replay with its verdict."""
    record, digest = world.runs.record(original)
    run = world.run(
        number,
        replay_of=original,
        name=record.intent.name,
        config=record.intent.config,
        commit=record.intent.runspec.commit,
        host={"name": machine, "user": "ada"},
        met=observed(machine),
        **more,
    )
    differs = result is Class.DIFFERENT
    files = tuple(
        FileVerdict(
            path=file.path,
            state=FileState.DIFFERENT if differs else FileState.IDENTICAL,
            size=file.size,
            ours=file.sha256,
            theirs=file.sha256,
        )
        for file in world.runs.outputs(original)
    )
    verdict = Verdict(
        left=original,
        right=run,
        left_record=digest,
        right_record=world.runs.record(run)[1],
        result=result,
        files=files,
        exit_equal=True,
        checked=NOW + number,
        trail=TrailComparison(state="different", step=9, window=(8, 9)) if differs else None,
    )
    world.runs.add_verdict(run, verdict)
    return run


def laboratory(top: Path) -> World:
    """The whole; its runs in the order of their numbers."""
    world = World.at(top)
    first = world.head
    trials = []
    for number, (lr, seed) in enumerate(
        (lr, seed) for lr in (0.001, 0.003, 0.01, 0.03, 0.1) for seed in (0, 1, 2)
    ):
        run = world.run(
            number,
            outputs(lr, seed, 20 * (number % 10)),
            config={"train": {"lr": lr, "seed": seed}},
            tags=(f"sweep:{SWEEP}",),
            name="learning-rate",
            overrides=(f"train.lr={lr}", f"train.seed={seed}"),
            duration=41.0 + number,
            stdout=f"seed {seed}, lr {lr}\nepoch 1\nepoch 2\nepoch 3\n".encode(),
            met=observed("lab-1"),
        )
        trials.append((run, (f"train.lr={lr}", f"train.seed={seed}")))
    world.sweep(SWEEP, ("train.lr=0.001,0.003,0.01,0.03,0.1", "train.seed=range(3)"), trials)
    (world.context.top / "train.py").write_text(
        "lr = 0.1\nepochs = 3\nshuffle = True\nprint('training')\n"
    )
    git(world.context.top, "commit", "-q", "-am", "Shuffle")
    world.commit = world.head
    base = world.run(
        30,
        outputs(0.01, 0, 60),
        name="baseline",
        config={"train": {"lr": 0.01, "seed": 0, "shuffle": True}},
        met=observed("lab-1"),
        duration=44.2,
        trail=trail(),
        tags=("paper",),
    )
    candidate = world.run(
        31,
        outputs(0.03, 1, 200),
        name="candidate",
        commit=first,
        config={"train": {"lr": 0.03, "seed": 1, "shuffle": False}},
        met=observed("lab-1"),
        duration=43.7,
        trail=trail(9),
    )
    best = trials[7][0]
    same = outputs(0.01, 0, 60)
    replayed(world, 40, base, "lab-1", Class.IDENTICAL, files=same, trail=trail())
    replayed(world, 41, base, "lab-1", Class.IDENTICAL, files=same, trail=trail())
    replayed(world, 42, base, "lab-2", Class.DIFFERENT, files=outputs(0.01, 4, 90), trail=trail(9))
    replayed(world, 43, base, "laptop", Class.EQUAL_UNDER_RULE, files=same)
    replayed(world, 44, candidate, "lab-1", Class.IDENTICAL, files=outputs(0.03, 1, 200))
    replayed(world, 45, candidate, "lab-2", Class.NOT_CHECKED, files=outputs(0.03, 1, 200))
    replayed(world, 46, best, "lab-2", Class.IDENTICAL, files=outputs(0.01, 1, 140))
    return world


def large_sweep(world: World, runs: int) -> str:
    """A sweep with a history of 200 steps, a picture and a log for each trial; its id."""
    trials = []
    for number in range(runs):
        lr, seed = 10 ** -(1 + number // 5 % 40 / 20), number % 5
        history, accuracy = training(lr, seed, 200)
        run = world.run(
            number,
            {
                "metrics.json": json.dumps({"accuracy": accuracy}).encode(),
                "history.csv": history.encode(),
                "curve.png": png(220, 150, number % 4),
            },
            config={"train": {"lr": lr, "seed": seed, "depth": number % 7}},
            tags=(f"sweep:{SWEEP}",),
            stdout=b"".join(b"epoch %d: loss 0.%d\n" % (n, n) for n in range(500)),
            met=observed("lab-1"),
        )
        trials.append((run, (f"train.lr={lr:.5f}", f"train.seed={seed}")))
    world.sweep(SWEEP, ("train.lr=0.1,0.01", "train.seed=range(5)"), trials)
    return SWEEP


def digest(data: bytes) -> str:
    """64 hexadecimal digits."""
    return canon.digest_bytes(data).removeprefix("sha256:")
