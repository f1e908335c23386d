"""Distinct results of five equal trainings on a GPU: nothing fixed, the program's own seed, and
profile `same-machine`.

    python benchmarks/gpu.py --python PYTHON [--device cuda] [--steps 200] [--runs 5]

PYTHON is an interpreter with torch and NumPy. The profile is the injected runtime of reprobox on
PYTHONPATH with the environment of `runtime/profiles.py`, without a container, so that it also runs
where no engine can. Columns: how many different sets of weights came out of the runs, the median
time of the steps, and the ratio to the free run. `--device cpu` tries the program where there is no
GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from reprobox.model.spec import Trail
from reprobox.runtime import profiles

HERE = Path(__file__).parent
PAYLOAD = HERE.parent / "reprobox" / "runtime" / "payload"
WAYS = {
    "nothing fixed": ("free", False),
    "the program's seed": ("seeded", False),
    "profile same-machine": ("free", True),
}


def environment(fixed: bool, out: Path) -> dict[str, str]:
    """The environment of one run: this one, or the profile's with what a GPU needs to be found."""
    if not fixed:
        return {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "PYTHONHASHSEED")
        }
    kept = {
        name: os.environ[name]
        for name in ("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
        if name in os.environ
    }
    wanted = profiles.env(
        "same-machine",
        seed=7,
        threads=1,
        commit_time=0,
        trail=Trail(),
        box=str(PAYLOAD),
        out=str(out),
    )
    return {**kept, **wanted, "HOME": str(out)}


def one(options: argparse.Namespace, workload: str, seeding: str, fixed: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory)
        done = subprocess.run(
            [
                os.path.abspath(options.python),
                HERE / "gpu_workload.py",
                workload,
                options.device,
                str(options.steps),
                seeding,
            ],
            env=environment(fixed, out),
            cwd=out,
            capture_output=True,
            check=False,
        )
    if done.returncode:
        sys.exit(done.stderr.decode(errors="replace"))
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(
        f"| training ({options.device}, {options.steps} steps) | what is fixed | distinct results "
        f"of {options.runs} | s | ratio |"
    )
    print("|---|---|---|---|---|")
    for workload in ("cnn", "transformer"):
        free = 0.0
        for way, (seeding, fixed) in WAYS.items():
            found = [one(options, workload, seeding, fixed) for _ in range(options.runs)]
            seconds = statistics.median(run["seconds"] for run in found)
            free = free or seconds
            distinct = len({run["weights"] for run in found})
            print(
                f"| {workload} | {way} | {distinct} | {seconds:.2f} | {seconds / free:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
