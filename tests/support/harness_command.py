"""`reprobox import` itself, with git below it, killed or made fail at its system calls once it has
the bundle open.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import harness_trace
from harness_program import FIRST, SECOND
from harness_torture import CHANGING, FAULTS, Tally, fast_folder
from harness_travel import OUTPUTS
from travelling import There, a_run, bundle_of, packed, snapshot

from reprobox.kit import files
from reprobox.source import commit_pack
from reprobox.store import garbage, integrity
from reprobox.store.project import open_project

LATER = 1e12
"""A time at which everything that a death left is old (seconds since 1970)."""
_COMMAND = (
    sys.executable,
    "-c",
    "from reprobox.cli.main import main; main()",
    "import",
    "../bundle.rbx",
)


def environment(place: Path) -> dict[str, str]:
    """Nothing of this machine's user."""
    person = {
        f"GIT_{who}_{what}": "a@example.invalid"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    home = {
        "HOME": str(place),
        "REPROBOX_HOME": str(place / "there-home"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    return {**harness_trace.environment(), **person, **home}


def prepare(place: Path) -> None:
    """Two runs with a real commit in `here`, a bundle of them, and an empty directory `there`."""
    top = place / "here"
    top.mkdir(parents=True)
    (top / "train.py").write_text("print(1)\n")
    for words in (["init", "-q", "-b", "main"], ["add", "train.py"], ["commit", "-q", "-m", "c"]):
        subprocess.run(["git", *words], cwd=top, env=environment(place), check=True)
    commit = subprocess.check_output(
        ["git", "rev-parse", "HEAD"], cwd=top, env=environment(place), text=True
    ).strip()
    runs = open_project(top)
    a_run(runs, OUTPUTS, run_id=FIRST, commit=commit)
    a_run(
        runs,
        {"metrics": b"1"},
        seed=1,
        now=1_795_188_700.0,
        run_id=SECOND,
        replay_of=FIRST,
        commit=commit,
    )
    packs = b"".join(commit_pack.pack(top, commit))
    (place / "bundle.rbx").write_bytes(
        bundle_of(packed(runs, FIRST, SECOND, wheels=[b"wheel" * 300], pack=packs))
    )
    files.make_dir(place / "there")


def carry_out(
    place: Path, *options: str, log: Path | str = os.devnull
) -> subprocess.CompletedProcess[bytes]:
    """The command under strace; without options as it is."""
    strace = ["strace", "-f", "-o", str(log), *options] if options else []
    return subprocess.run(
        [*strace, *_COMMAND],
        cwd=place / "there",
        env=environment(place),
        capture_output=True,
        check=False,
    )


def points(prepared: Path, names: set[str]) -> list[tuple[str, int]]:
    """The calls of reprobox's own process after it has opened the bundle; a number means every
    process's call of that number.
    """
    with tempfile.TemporaryDirectory(dir=fast_folder()) as folder:
        place, log = Path(folder, "place"), Path(folder, "log")
        shutil.copytree(prepared, place, symlinks=True)
        done = carry_out(
            place,
            "-xx",
            "-s",
            "300",
            "-e",
            f"trace={harness_trace.CALLS},{harness_trace.READS}",
            log=log,
        )
        assert done.returncode == 0, done.stderr.decode()
        lines = log.read_bytes().splitlines(keepends=True)
    main = lines[0].split(b" ")[0]
    calls = harness_trace.parse(b"".join(line for line in lines if line.split(b" ")[0] == main))
    begin = next(index for index, call in enumerate(calls) if b"../bundle.rbx" in call.args)
    return [
        (call.name, call.number) for call in _on_files(calls[begin + 1 :]) if call.name in names
    ]


def _on_files(calls: list[harness_trace.Call]) -> Iterator[harness_trace.Call]:
    """Calls on names, and on descriptors of what was opened by name: a pipe to git has no disk that
    could fail.
    """
    opened = {"AT_FDCWD"}
    for call in calls:
        first = call.args[0]
        if isinstance(first, bytes) or first in opened:
            yield call
        if call.name in ("open", "openat") and call.result >= 0:
            opened.add(str(call.result))
        elif call.name == "close":
            opened.discard(str(first))


def kills(most: int) -> Tally:
    """SIGKILL at so many of the calls, evenly spread."""
    return _tried([f"{name}:signal=SIGKILL:when={{}}" for name in sorted(CHANGING)], most)


def faults(most: int) -> Tally:
    """Errors at so many of them."""
    return _tried(
        [f"{name}:error={error}:when={{}}" for name, errors in FAULTS.items() for error in errors],
        most,
    )


def _tried(injections: list[str], most: int) -> Tally:
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=fast_folder()) as folder:
        prepared = Path(folder, "prepared")
        prepare(prepared)
        names = {injection.split(":")[0] for injection in injections}
        found = points(prepared, names)
        tries = [
            each.format(number)
            for name, number in found
            for each in injections
            if each.split(":")[0] == name
        ]
        for injection in tries[:: max(1, len(tries) // most)]:
            place = Path(folder, "place")
            shutil.copytree(prepared, place, symlinks=True)
            done = carry_out(
                place, "-e", f"trace={injection.split(':')[0]}", "-e", f"inject={injection}"
            )
            tally.codes[done.returncode] += 1
            tally.note(injection, [*_answer(done), *_left(place)])
            shutil.rmtree(place)
    return tally


def _answer(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    """It did it, or said why not, or was killed."""
    killed = done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    fine = killed or (b"Traceback" not in done.stderr and (done.returncode == 0 or done.stderr))
    return [] if fine else [f"answer {done.returncode}: {done.stderr.decode()[-600:]}"]


def _left(place: Path) -> list[str]:
    """A second import brings everything; nothing that arrived is damaged, nothing unfinished stays."""
    other, wrong = There(place / "there"), []
    before = other.published()
    again = carry_out(place)
    if again.returncode != 0:
        return [f"a second import failed: {again.stderr.decode()[-600:]}"]
    if not set(before) <= set(other.published()):
        wrong.append("lost: a run that was there")
    for store in (other.top / ".reprobox", place / "there-home"):
        garbage.carry_out(store, garbage.plan(store, now=LATER), now=LATER)
        wrong += [
            f"{fault.kind}: {fault.what}: {fault.why}" for fault in integrity.check(store).faults
        ]
        wrong += [f"left behind: {name}" for name in os.listdir(store / "tmp")]
    here = open_project(place / "here")
    for run in (FIRST, SECOND):
        if snapshot(other.runs.path(run)) != snapshot(here.path(run)):
            wrong.append(f"{run} is not as it was")
    commit = here.intent(FIRST).source.commit
    held = [
        ["git", "-C", str(top), "cat-file", "-e", commit]
        for top in (other.top, other.top / ".reprobox" / "code.git")
    ]
    if not any(
        subprocess.run(words, capture_output=True, check=False).returncode == 0 for words in held
    ):
        wrong.append("the commit is not there")
    return wrong
