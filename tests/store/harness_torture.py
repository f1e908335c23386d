"""The harnesses, each with a number of how much of it: the tests take a little, `torture.py` takes all."""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import harness_trace
from harness_check import check, said_lines
from harness_powercut import cuts, final_state, lay_down, read_back

FAULTS = {
    "openat": ("EMFILE", "EIO", "EACCES"),
    "write": ("ENOSPC", "EIO", "EDQUOT"),
    "pwrite64": ("ENOSPC", "EIO"),
    "fsync": ("EIO", "ENOSPC", "EDQUOT"),
    "syncfs": ("EIO", "ENOSPC"),
    "link": ("ENOSPC", "EDQUOT", "EIO"),
    "rename": ("ENOSPC", "EDQUOT", "EIO"),
    "mkdir": ("ENOSPC", "EDQUOT"),
    "ftruncate": ("EIO",),
    "unlink": ("EIO",),
}
"""System call to the errors that the kernel may answer."""


@dataclass
class Tally:
    """What was tried, and what was wrong."""

    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    codes: Counter[int] = field(default_factory=Counter)

    def note(self, where: str, problems: list[str]) -> None:
        """Counts one try."""
        self.tried += 1
        self.wrong += [f"{where}: {problem}" for problem in problems]


def fast_folder() -> str | None:
    """Memory, where there is some: the model decides what is durable, not the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def power_cuts(variant: str = "", *, limit: int = 64, most: int | None = None, stop_at: int | None = None) -> Tally:
    """Every disk state after a power cut at any system call of the scenario `write`, checked and recovered.

    Args:
        limit: states at one moment, above which a random choice is taken.
        most: states in all, a random choice; None for all.
        stop_at: problems after which it is enough (broken variants).
    """
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=fast_folder()) as place:
        root = Path(place, "store")
        calls = harness_trace.record(root, "write", Path(place, "log"), variant)
        if final_state(calls, root) != read_back(root):
            raise AssertionError("the model has not understood a system call")
        states = list(enumerate(cuts(calls, root, limit)))
        random.Random(1).shuffle(states)
        for number, (state, said) in states[:most]:
            again = Path(place, "again")
            lay_down(state, again)
            tally.note(f"state {number}", check(again, said))
            shutil.rmtree(again)
            if stop_at is not None and len(tally.wrong) >= stop_at:
                break
    return tally


def points(scenario: str, names: set[str] | None = None, variant: str = "") -> list[tuple[str, int]]:
    """Every system call that the scenario makes in or about its store: name and number, for strace's `when`."""
    with tempfile.TemporaryDirectory(dir=fast_folder()) as place:
        root = _prepared(Path(place), scenario)
        calls = harness_trace.record(root, scenario, Path(place, "log"), variant)
    # Calls on descriptor 1 are the harness's own words.
    ours = [call for call in harness_trace.after_go(calls) if call.args[0] != "1"]
    return [(call.name, call.number) for call in ours if names is None or call.name in names]


def kills(scenario: str, *, every: int = 1) -> Tally:
    """SIGKILL at each system call."""
    tally = Tally()
    for name, number in points(scenario)[::every]:
        inject(tally, scenario, f"{name}:signal=SIGKILL:when={number}", "")
    return tally


def faults(scenario: str, *, every: int = 1) -> Tally:
    """Each error that the kernel may answer, at each system call."""
    tally = Tally()
    tries = [(name, error, number) for name, number in points(scenario, set(FAULTS)) for error in FAULTS[name]]
    for name, error, number in tries[::every]:
        inject(tally, scenario, f"{name}:error={error}:when={number}", "")
    return tally


def _prepared(place: Path, scenario: str) -> Path:
    root = place / "store"
    if scenario != "write":
        done = harness_trace.run(root, "prepare")
        assert done.returncode == 0, done.stderr
    return root


def inject(tally: Tally, scenario: str, injection: str, variant: str) -> None:
    """Runs a scenario with one fault (in strace's grammar), and checks what it said and left."""
    with tempfile.TemporaryDirectory(dir=fast_folder()) as place:
        root = _prepared(Path(place), scenario)
        before = _ids(root)
        names = injection.split(":")[0]
        done = harness_trace.run(root, scenario, variant, options=["-e", f"trace={names}", "-e", f"inject={injection}"])
        said = said_lines(done.stdout)
        tally.codes[done.returncode] += 1
        tally.note(
            f"{scenario} {injection}", [*_answer(done.returncode, said, done.stderr), *_listed(said, before), *check(root, said)]
        )


def _answer(code: int, said: list[list[str]], stderr: bytes) -> list[str]:
    """Either all is done and said so, or the store refused, or the program was killed; a traceback is a bug."""
    last = said[-1][0] if said else ""
    fine = (code == 0 and last == "done") or (code, last) in ((3, "refused"), (5, "experiment")) or code == -signal.SIGKILL
    return [] if fine else [f"answer {code} {last!r}: {stderr.decode()[-600:]}"]


def _ids(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "runs").iterdir()) if (root / "runs").is_dir() else []


def _listed(said: list[list[str]], expected: list[str]) -> list[str]:
    return [f"a list left runs out: {words}" for words in said if words[0] == "listed" and words[1:] != expected]
