"""Everything that the store promises, tried at full length; prints the table of docs/reliability.md.

    python tests/store/torture.py [--quick]


With `--quick` the power cuts are a random part, and of the calls of `tidy` (gc) every 40th is taken.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import harness_torture
from harness_program import VARIANTS
from harness_torture import Tally

QUICK = "--quick" in sys.argv


def line(what: str, work: Callable[[], Tally], *, broken: bool = False) -> bool:
    """Carries one harness out and prints its row; whether the result is the wanted one."""
    begun = time.perf_counter()
    tally = work()
    wanted = bool(tally.wrong) == broken
    word = ("noticed" if tally.wrong else "NOT NOTICED") if broken else str(len(tally.wrong))
    sys.stdout.write(f"| {what} | {tally.tried} | {word} | {time.perf_counter() - begun:.0f} s |\n")
    sys.stdout.flush()
    for problem in [] if wanted else tally.wrong[:20]:
        sys.stderr.write(f"    {problem}\n")
    return wanted


def main() -> int:
    """Everything; 0 when all is as promised."""
    sys.stdout.write("| tried | how many | lost, damaged or wrongly answered | time |\n|---|---:|---:|---:|\n")
    right = [line("disk states after a power cut", lambda: harness_torture.power_cuts(most=1000 if QUICK else None))]
    for scenario, what in (("write", "objects, runs, verdict, removal"), ("list", "index rebuild and list"), ("tidy", "gc")):
        every = 40 if QUICK and scenario == "tidy" else 4 if QUICK else 1
        right.append(line(f"SIGKILL at a system call: {what}", lambda s=scenario, e=every: harness_torture.kills(s, every=e)))
        right.append(line(f"failing system calls: {what}", lambda s=scenario, e=every: harness_torture.faults(s, every=e)))
    for variant in filter(None, VARIANTS):
        found = line(f"broken on purpose: {variant}", lambda v=variant: harness_torture.power_cuts(v, stop_at=1), broken=True)
        right.append(found)
    return 0 if all(right) else 1


if __name__ == "__main__":
    raise SystemExit(main())
