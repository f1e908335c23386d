"""The instruction certificate: which approximate instructions a workload executes under a profile,
from the emulator's own trace.

qemu writes down every block of instructions that it translates, so an instruction that is not in
the list was not executed. Reciprocals and reciprocal roots (rcp, rsqrt and their relatives) have
low bits of each vendor's own, as have the x87 functions; random instructions have no bits of
anybody's. Prints JSON; exits with 1 where one was found.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reprobox.model.spec import Trail  # noqa: E402
from reprobox.runtime import profiles  # noqa: E402

APPROXIMATE = re.compile(
    rb"\t?\b(v?rsqrt[ps]s|v?rcp[ps]s|vrsqrt(?:14|28)[ps][sd]|vrcp(?:14|28)[ps][sd]|vexp2p[sd]|pfrcp\w*|pfrsq\w*"
    rb"|fsin|fcos|fsincos|fptan|fpatan|fyl2x|fyl2xp1|f2xm1|rdrand|rdseed)\b"
)
ROOTS = re.compile(rb"\bv?sqrt[ps][sd]\b")


def trace(options: argparse.Namespace) -> dict[str, object]:
    """Runs the workload in the emulator and reads its trace while it is written, because it has
    hundreds of megabytes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        env = profiles.env(
            options.profile,
            seed=0,
            threads=1,
            commit_time=0,
            trail=Trail(),
            box=str(ROOT / "reprobox/runtime/payload"),
            out=scratch,
        )
        if options.without:
            env["REPROBOX_INTERPOSE"] = ",".join(
                set(env["REPROBOX_INTERPOSE"].split(",")) - {options.without}
            )
        reading, writing = os.pipe()
        argv = [
            options.emulator,
            "-cpu",
            options.cpu,
            "-d",
            "in_asm",
            "-D",
            f"/proc/self/fd/{writing}",
            options.python,
        ]
        argv += [
            str(ROOT / "benchmarks/determinism_workloads.py"),
            options.workload,
            str(options.steps),
        ]
        with subprocess.Popen(
            argv,
            env={**env, "PATH": os.environ["PATH"]},
            pass_fds=[writing],
            stdout=subprocess.DEVNULL,
        ) as running:
            os.close(writing)
            counts = _count(reading)
        return {
            **counts,
            "code": running.returncode,
            "profile": options.profile,
            "cpu": options.cpu,
            "workload": options.workload,
        }


def _count(reading: int) -> dict[str, object]:
    found: Counter[str] = Counter()
    lines = roots = 0
    with os.fdopen(reading, "rb", buffering=1 << 20) as stream:
        for line in stream:
            if not line.startswith(b"0x"):
                continue
            lines += 1
            hit = APPROXIMATE.search(line)
            if hit:
                found[hit.group(1).decode()] += 1
            elif ROOTS.search(line):
                roots += 1
    return {"translated": lines, "ieee_roots": roots, "approximate": dict(found)}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="an interpreter with torch")
    parser.add_argument("--emulator", default="qemu-x86_64")
    parser.add_argument("--profile", default="portable-avx2")
    parser.add_argument("--cpu", default="Haswell")
    parser.add_argument("--workload", default="mlp")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument(
        "--without",
        help="leave out one interposed library (vml or intel), to see that it is needed",
    )
    said = trace(parser.parse_args())
    print(json.dumps(said, indent=1))
    return 1 if said["approximate"] or said["code"] else 0


if __name__ == "__main__":
    sys.exit(main())
