"""The harnesses, each with a number of how much of it: the tests take a little, `torture.py` takes
all.
"""

from __future__ import annotations

import atexit
import functools
import random
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import harness_trace
import harness_travel_check
from harness_check import check, said_lines
from harness_powercut import cuts, final_state, lay_down, read_back

from reprobox.store import trash

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
    "linkat": ("ENOSPC", "EDQUOT", "EIO"),
    "mkdirat": ("ENOSPC", "EDQUOT"),
    "symlinkat": ("ENOSPC", "EIO"),
    "unlinkat": ("EIO",),
    "rmdir": ("EIO",),
    "sendfile": ("ENOSPC", "EIO", "EDQUOT"),
    "chmod": ("EIO",),
    "fchmod": ("EIO",),
    "read": ("EIO",),
    "pread64": ("EIO",),
    "getdents64": ("EIO",),
    "flock": ("ENOLCK",),
}
"""System call to the errors that the kernel may answer."""


CHANGING = set(harness_trace.CALLS.split(",")) - {"close", "fcntl", "dup", "dup2", "dup3"}
"""System calls before which a death may leave something else than before the call that precedes
them.
"""


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


def power_cuts(
    variant: str = "",
    scenario: str = "write",
    *,
    limit: int = 64,
    most: int | None = None,
    stop_at: int | None = None,
) -> Tally:
    """Every disk state after a power cut at any system call of a scenario, checked and recovered.

    Args:
        limit: states at one moment, above which a random choice is taken.
        most: states in all, a random choice; None for all.
        stop_at: problems after which it is enough (broken variants).
    """
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=fast_folder()) as place:
        root = _prepared(Path(place), scenario)
        before = read_back(root) if root.exists() else {}
        calls = harness_trace.record(root, scenario, Path(place, "log"), variant)
        if final_state(calls, root, before) != read_back(root):
            raise AssertionError("the model has not understood a system call")
        chosen = _chosen(sum(1 for _ in cuts(calls, root, limit, before=before)), most)
        for number, (state, said) in enumerate(cuts(calls, root, limit, before=before)):
            if number not in chosen:
                continue
            again = Path(place, "again")
            lay_down(state, again)
            tally.note(f"state {number}", checked(scenario, again, said))
            shutil.rmtree(again)
            if stop_at is not None and len(tally.wrong) >= stop_at:
                break
    return tally


def _chosen(count: int, most: int | None) -> Collection[int]:
    """Numbers of the states to try: the states themselves are too many to be kept, so they are
    enumerated twice.
    """
    return (
        range(count)
        if most is None or most >= count
        else set(random.Random(1).sample(range(count), most))
    )


def checked(scenario: str, root: Path, said: list[list[str]]) -> list[str]:
    """What is wrong with what a scenario left."""
    if scenario not in harness_trace.TRAVEL:
        return check(root, said)
    with harness_travel_check.silence():
        return harness_travel_check.check(scenario, root, said)


def points(scenario: str, names: Collection[str], variant: str = "") -> list[tuple[str, int]]:
    """The system calls of some names that the scenario makes in or about its store: name and
    number, for strace's `when`.

    Of the calls that only make or list the 256 directories of the objects, one after the other,
    every 32nd is taken.
    """
    with tempfile.TemporaryDirectory(dir=fast_folder()) as place:
        root = _prepared(Path(place), scenario)
        log = Path(place, "log")
        found = harness_trace.record(
            root, scenario, log, variant, calls=f"{harness_trace.CALLS},{harness_trace.READS}"
        )
    listed: dict[bytes | str, bool] = {}
    taken = []
    for call in harness_trace.after_go(found):
        path = (
            next((arg for arg in call.args if isinstance(arg, bytes)), b"")
            if call.name in ("mkdir", "openat")
            else b""
        )
        alike = _alike(path) and (call.name == "mkdir" or "O_NONBLOCK" in str(call.args[2]))
        if call.name == "openat":
            listed[str(call.result)] = alike
        elif call.name == "getdents64":
            alike = listed.get(call.args[0], False)
        # Calls on descriptor 1 are the harness's own words.
        if call.name in names and not alike and call.args[0] != "1":
            taken.append((call.name, call.number))
    return taken


def _alike(path: bytes) -> bool:
    *_, parent, name = (b"", b"", *path.split(b"/"))
    return parent == b"sha256" and len(name) == 2 and int(name, 16) % 32 != 0


def kills(scenario: str, *, every: int = 1) -> Tally:
    """SIGKILL at each system call."""
    tally = Tally()
    for name, number in points(scenario, CHANGING)[::every]:
        inject(tally, scenario, f"{name}:signal=SIGKILL:when={number}", "")
    return tally


def faults(scenario: str, *, every: int = 1) -> Tally:
    """Each error that the kernel may answer, at each system call."""
    tally = Tally()
    tries = [
        (name, error, number) for name, number in points(scenario, FAULTS) for error in FAULTS[name]
    ]
    for name, error, number in tries[::every]:
        inject(tally, scenario, f"{name}:error={error}:when={number}", "")
    return tally


def _prepared(place: Path, scenario: str) -> Path:
    root = place / "store"
    if scenario != "write":
        shutil.copytree(_template(scenario in harness_trace.TRAVEL), root, symlinks=True)
    return root


@functools.cache
def _template(travel: bool) -> Path:
    """What the scenarios start from, made once."""
    place = Path(tempfile.mkdtemp(dir=fast_folder()))
    atexit.register(shutil.rmtree, place)
    root = place / "store"
    done = subprocess.run(
        harness_trace.program(root, "prepare", travel=travel),
        env=harness_trace.environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return root


def inject(tally: Tally, scenario: str, injection: str, variant: str) -> None:
    """Runs a scenario with one fault (in strace's grammar), and checks what it said and left."""
    with tempfile.TemporaryDirectory(dir=fast_folder()) as place:
        root = _prepared(Path(place), scenario)
        before = _ids(root)
        names = injection.split(":")[0]
        done = harness_trace.run(
            root, scenario, variant, options=["-e", f"trace={names}", "-e", f"inject={injection}"]
        )
        said = said_lines(done.stdout)
        tally.codes[done.returncode] += 1
        tally.note(
            f"{scenario} {injection}",
            [
                *_answer(done.returncode, said, done.stderr),
                *_listed(said, before),
                *checked(scenario, root, said),
            ],
        )


def _answer(code: int, said: list[list[str]], stderr: bytes) -> list[str]:
    """Either all is done and said so, or the store refused, or the program was killed; a traceback
    is a bug.
    """
    last = said[-1][0] if said else ""
    fine = (
        (code == 0 and last == "done")
        or (code, last) in ((3, "refused"), (5, "experiment"))
        or code == -signal.SIGKILL
    )
    return [] if fine else [f"answer {code} {last!r}: {stderr.decode()[-600:]}"]


def _ids(root: Path) -> list[str]:
    runs = root / "runs"
    return sorted(trash.living(path.name for path in runs.iterdir())) if runs.is_dir() else []


def _listed(said: list[list[str]], expected: list[str]) -> list[str]:
    return [
        f"a list left runs out: {words}"
        for words in said
        if words[0] == "listed" and words[1:] != expected
    ]
