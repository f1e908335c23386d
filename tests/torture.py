"""The long set in one command (`make torture`): prints the tables of docs/reliability.md.

    python tests/torture.py [--quick] [--no-store | --only-sweep]

First the store's own harnesses (tests/store/torture.py; about 20 minutes, with `--quick` five),
then the whole product against the real engine: supervisors killed at random, ways to end, hostile
input, fuzzing. Exit code 0 when all is as promised.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

TOP = Path(__file__).parents[1]
sys.path[:0] = [str(TOP), str(TOP / "tests/support")]

import harness_kills  # noqa: E402
import harness_sweep  # noqa: E402
from flow_project import Project, make_project  # noqa: E402

QUICK = "--quick" in sys.argv
SUITES = {
    "ways to end, each with its record's reason": "tests/executor/test_local.py",
    "secrets: canaries in everything that is stored, shown or built": "tests/executor/test_secret_canaries.py",
    "repositories, configs, mounts and programs of somebody else": "tests/commands/test_run_hostile.py",
    "privileges: 25 RunSpecs against what the engine says, and a run": "tests/executor/test_container_spec.py",
    "fsck, gc, verify --deep: damage found, nothing needed lost": "tests/commands/test_fsck.py",
    "death and return of the engine": "tests/engine/test_engine_death.py",
}
FUZZ = "tests/cli/test_fuzz.py"


def row(what: str, tried: str, wrong: str, seconds: float) -> None:
    """A line of the table."""
    sys.stdout.write(f"| {what} | {tried} | {wrong} | {seconds:.0f} s |\n")
    sys.stdout.flush()


def kills() -> bool:
    """Supervisors killed at random, and at their system calls."""
    at_random = partial(harness_kills.kills, count=100 if QUICK else 500)
    at_calls = partial(harness_kills.kills_at_calls, most=24 if QUICK else None)
    return all(
        [
            _kills("supervisors killed at random", at_random),
            _kills("`reprobox run` killed at a system call", at_calls),
            sweeps(),
        ]
    )


def sweeps() -> bool:
    """The supervisor of a sweep killed at random moments."""
    trials, count = (20, 5) if QUICK else (200, 20)
    harness = partial(harness_sweep.kills, trials=trials, count=count)
    return _kills(
        f"supervisor of a sweep of {trials} trials killed: no trial lost, none made twice",
        harness,
        harness_sweep,
    )


def _kills(
    what: str,
    harness: Callable[[Project], harness_kills.Tally],
    job: ModuleType = harness_kills,
) -> bool:
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        (home / ".gitconfig").write_text(
            "[user]\n\tname = A\n\temail = a@example.invalid\n[init]\n\tdefaultBranch = main\n"
        )
        kept = {
            key: value
            for key, value in os.environ.items()
            if key.startswith(("PIP_", "UV_", "PATH", "DOCKER_", "SSL_", "LANG"))
        }
        store = os.environ.get("REPROBOX_TEST_STORE") or str(TOP / ".tools" / "store")
        (home / "project").mkdir()
        project = make_project(
            home / "project",
            {**kept, "HOME": place, "REPROBOX_HOME": store, "PYTHONPATH": str(TOP), "TZ": "UTC"},
        )
        project.write("config.yaml", job.CONFIG)
        project.write("job.sh", job.JOB)
        for verb in ("lock", "build"):
            said = project(verb)
            assert said.code == 0, said.err
        project.commit()
        tally = harness(project)
    states = ", ".join(f"{count} {name}" for name, count in sorted(tally.states.items()))
    row(f"{what} ({states})", str(tally.tried), str(len(tally.wrong)), time.perf_counter() - begun)
    sys.stderr.writelines(f"    {problem}\n" for problem in tally.wrong[:20])
    return not tally.wrong


def suite(what: str, path: str, tried: Callable[[int], str] = str) -> bool:
    """A file of tests; the number of tries and of failures."""
    begun = time.perf_counter()
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report.name}", path]
        environment = {**os.environ, **({} if QUICK else {"REPROBOX_TORTURE": "1"})}
        done = subprocess.run(
            command, cwd=TOP, env=environment, capture_output=True, check=False, text=True
        )
        found = ElementTree.parse(report.name).getroot().find("testsuite")
    assert found is not None, done.stdout
    wrong = int(found.get("failures", 0)) + int(found.get("errors", 0))
    row(
        what,
        tried(int(found.get("tests", 0)) - int(found.get("skipped", 0))),
        str(wrong),
        time.perf_counter() - begun,
    )
    sys.stderr.write(done.stdout if wrong else "")
    return wrong == 0


def main() -> int:
    """Everything; 0 when all is as promised."""
    right = []
    if "--only-sweep" in sys.argv:
        return 0 if sweeps() else 1
    if "--no-store" not in sys.argv:
        command = [
            sys.executable,
            str(TOP / "tests/store/torture.py"),
            *(["--quick"] if QUICK else []),
        ]
        right.append(subprocess.run(command, cwd=TOP, check=False).returncode == 0)
    sys.stdout.write(
        "\n| tried on the whole product | how many | wrong | time |\n|---|---:|---:|---:|\n"
    )
    sys.stdout.flush()
    right.append(kills())
    right += [suite(what, path) for what, path in SUITES.items()]
    each = 100 if QUICK else 5000
    right.append(
        suite(
            "documents fuzzed (13 kinds) and bombs",
            FUZZ,
            lambda count: f"{13 * each + count - 26} inputs",
        )
    )
    return 0 if all(right) else 1


if __name__ == "__main__":
    raise SystemExit(main())
