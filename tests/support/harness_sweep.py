"""A sweep whose supervisor is killed at random moments, against the real engine; then what must
hold: every trial once, none lost, none made twice.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from harness_kills import Tally, _orphans, _settled

if TYPE_CHECKING:
    from flow_project import Project

CONFIG = """\
number: 0
reprobox:
  command: [sh, job.sh, "${number}"]
  environment: {base: "debian:bookworm", python: "3.11"}
"""
JOB = 'echo "$1" > out\n'
AT_MOST = 300
"""Seconds that the supervisor may need after the last kill, for each 20 trials."""


def kills(project: Project, trials: int, count: int, seed: int = 1, jobs: int = 2) -> Tally:
    """A sweep of so many trials, its supervisor killed so many times; then all checks."""
    draw = random.Random(seed)
    tally = Tally()
    words = ["sweep", "config.yaml", f"number=range({trials})", "-j", str(jobs)]
    while tally.tried < count:
        # Half of the kills fall into taking up what is there, half into the work that follows.
        longest = trials / count
        seconds = (
            draw.uniform(0.3, 2) if tally.tried % 2 else draw.uniform(min(2, longest), longest)
        )
        done = _supervise(project, words, seconds)
        if done is not None:
            tally.wrong += [f"ended with {done} before kill {tally.tried + 1}"]
            break
        tally.tried += 1
        sweeps = project.top / ".reprobox/sweeps"
        begun = len(list(sweeps.glob("*/trials/*.json")))
        tally.states["before the first trial" if not begun else "at work"] += 1
        if list(sweeps.glob("*/sweep.json")):
            words = ["sweep", "resume", "latest", "-j", str(jobs)]
    done = _supervise(project, words, AT_MOST * max(1, trials // 20))
    tally.wrong += [f"the last supervisor: exit {done}"] if done != 0 else []
    tally.wrong += _wrong_trials(project, trials)
    return tally


def _supervise(project: Project, words: list[str], seconds: float) -> int | None:
    """The exit code; None where it was killed after so many seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", *words],
        cwd=project.top,
        env=project.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def _status(project: Project) -> Any:
    return project("sweep", "status", "latest", "--json").json


def _wrong_trials(project: Project, trials: int) -> list[str]:
    rows = _settled(project)
    status = _status(project)
    recorded = {row["id"] for row in rows}
    named = Counter(trial["run"] for trial in status["trials"])
    points = Counter(tuple(trial["overrides"]) for trial in status["trials"])
    wrong = [f"{status['done']} of {trials} trials are done"] if status["done"] != trials else []
    times = [points[f"number={number}",] for number in range(trials)]
    wrong += [
        f"number={number}: {found} trials" for number, found in enumerate(times) if found != 1
    ]
    wrong += [f"run {run} is no trial" for run in sorted(recorded - set(named))]
    wrong += [f"trial {run} has no run" for run in sorted(set(named) - recorded)]
    for trial in status["trials"]:
        expected = trial["overrides"][0].partition("=")[2] + "\n"
        out = project.top / ".reprobox/runs" / trial["run"] / "outputs/out"
        if trial["exit_code"] != 0 or not out.exists() or out.read_text() != expected:
            wrong.append(f"trial {trial['number']}: {trial['state']}, or its output is wrong")
    wrong += _orphans(project, recorded)
    fsck = project("fsck", "--project", "--json")
    return [*wrong, *(f"fsck: {fault}" for fault in fsck.json[0]["faults"])]
