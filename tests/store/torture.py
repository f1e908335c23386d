"""Everything that the store promises, tried at full length; prints the table of
docs/reliability.md.

    python tests/store/torture.py [--quick] [SCENARIO...]

With `--quick` the power cuts are a random part, and of the system calls every 16th is taken.
Without names, all scenarios; `command` is `reprobox import` itself, at a sample of its calls.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import harness_command
import harness_torture
from harness_program import VARIANTS
from harness_torture import Tally

QUICK = "--quick" in sys.argv
ONLY = [word for word in sys.argv[1:] if not word.startswith("-")]
WHAT = {
    "write": "objects, runs, verdict, removal",
    "list": "index rebuild and list",
    "tidy": "gc",
    "export": "export",
    "import": "import",
    "pull": "pull (every third)",
    "push": "push",
}
"""Scenarios, as the table names them."""
CUTS = {"write": 64, "export": 64, "import": 16, "pull": 4, "push": 16}
"""Scenarios whose power cuts are modelled, and how many states at one moment."""


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


def cuts(scenario: str) -> bool:
    """Power cuts."""
    most = 300 if QUICK else None
    return line(
        f"disk states after a power cut: {WHAT[scenario].partition(' (')[0]}",
        lambda: harness_torture.power_cuts("", scenario, limit=CUTS[scenario], most=most),
    )


def every(scenario: str) -> int:
    """Each how many-th call is taken: all, but for `pull`, which writes as `import` does, every
    third.
    """
    return 16 if QUICK else 3 if scenario == "pull" else 1


def kills(scenario: str) -> bool:
    """SIGKILL."""
    return line(
        f"SIGKILL at a system call: {WHAT[scenario]}",
        lambda: harness_torture.kills(scenario, every=every(scenario)),
    )


def faults(scenario: str) -> bool:
    """Failing calls."""
    return line(
        f"failing system calls: {WHAT[scenario]}",
        lambda: harness_torture.faults(scenario, every=every(scenario)),
    )


def main() -> int:
    """Everything; 0 when all is as promised."""
    sys.stdout.write(
        "| tried | how many | lost, damaged or wrongly answered | time |\n|---|---:|---:|---:|\n"
    )
    right = []
    chosen = [scenario for scenario in WHAT if not ONLY or scenario in ONLY]
    for scenario in chosen:
        right += [
            work(scenario) for work in (cuts, kills, faults) if work is not cuts or scenario in CUTS
        ]
    if not ONLY or "command" in ONLY:
        right.append(
            line(
                "SIGKILL at a system call: `reprobox import`",
                lambda: harness_command.kills(6 if QUICK else 60),
            )
        )
        right.append(
            line(
                "failing system calls: `reprobox import`",
                lambda: harness_command.faults(9 if QUICK else 120),
            )
        )
    for variant in [] if ONLY else filter(None, VARIANTS):
        found = line(
            f"broken on purpose: {variant}",
            lambda v=variant: harness_torture.power_cuts(v, most=500, stop_at=1),
            broken=True,
        )
        right.append(found)
    return 0 if all(right) else 1


if __name__ == "__main__":
    raise SystemExit(main())
