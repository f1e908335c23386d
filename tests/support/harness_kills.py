"""Supervisors killed at random instants and at their system calls, against the real engine; then
what must hold of every run, container, ref and directory.

    python tests/support/harness_kills.py TOP COUNT SEED      one lane: prints a line for each try

A lane imports everything once and forks a supervisor for each try, so that the instants fall into
the work and not into imports.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

if TYPE_CHECKING:
    from flow_project import Project

CONFIG = """\
code: 0
reprobox:
  command: [sh, job.sh, "${code}"]
  environment: {base: "debian:bookworm", python: "3.11"}
"""
JOB = 'i=0; while [ $i -lt 200 ]; do echo "line $i"; i=$((i+1)); done; echo ended >&2; echo "$1" > out; sleep 0.$1; exit "$1"\n'
STDOUT = b"".join(b"line %d\n" % number for number in range(200))
CODES = (0, 0, 1, 3)


def lane(top: Path, count: int, seed: int) -> None:
    """Tries; each line is `name code acknowledged-id-or-dash`."""
    from reprobox.commands import ls
    from reprobox.context import Context
    from reprobox.model.ports import Progress

    _import_everything()
    draw = random.Random(seed)
    whole = _timed(top)
    for number in range(count):
        name, code, alone = f"k{seed}-{number}", draw.choice(CODES), draw.random() < 0.25
        said = _try(top, name, code, alone=alone, seconds=draw.uniform(0, 1.1 * whole))
        sys.stdout.write(f"{name} {code} {said or '-'}\n")
        sys.stdout.flush()
        if draw.random() < 0.3:
            quiet: Progress = _Silent()
            ls.list_runs(Context(start=top, progress=quiet), ls.Wanted(), limit=1)


def _import_everything() -> None:
    import docker  # noqa: F401 - so that a supervisor spends its time on its work
    import git  # noqa: F401
    import requests  # noqa: F401

    import reprobox

    for room in (
        "kit",
        "model",
        "config",
        "source",
        "lock",
        "image",
        "engine",
        "runtime",
        "store",
        "executor",
        "commands",
    ):
        for module in pkgutil.iter_modules([str(Path(reprobox.__path__[0], room))]):
            if module.name != "payload":
                importlib.import_module(f"reprobox.{room}.{module.name}")


def _timed(top: Path) -> float:
    begun = time.monotonic()
    _try(top, "whole", 0, alone=False, seconds=120)
    return time.monotonic() - begun


def _try(top: Path, name: str, code: int, *, alone: bool, seconds: float) -> str:
    """One supervisor, killed after so many seconds; the id that it acknowledged before, or nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _supervise(top, name, code, alone, writing)
    os.close(writing)
    select.select([reading], [], [], seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode()


def _supervise(top: Path, name: str, code: int, alone: bool, writing: int) -> None:
    from reprobox.commands import run
    from reprobox.context import Context
    from reprobox.executor.attach import Watcher

    watcher = None if alone else Watcher(_Silent(), lambda text: None)
    try:
        done = run.run(
            Context(start=top, progress=_Silent()),
            top / "config.yaml",
            [f"code={code}"],
            watcher,
            name=name,
        )
        os.write(writing, done.id.encode())
    except BaseException as error:
        sys.stderr.write(f"{name}: {error!r}\n")
        sys.stderr.flush()
    finally:
        os._exit(0)


class _Silent:
    """A sink, and progress that nobody sees."""

    def write(self, stream: str, data: bytes) -> None:
        pass

    @contextlib.contextmanager
    def task(self, what: str, total: int | None = None):  # type: ignore[no-untyped-def]
        yield self

    def update(self, advance: int, note: str = "") -> None:
        pass

    def note(self, text: str) -> None:
        pass


@dataclass
class Tally:
    """What became of the tries, and all that was wrong."""

    tried: int = 0
    acknowledged: int = 0
    states: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def kills(project: Project, count: int, lanes: int = 2) -> Tally:
    """So many kills in lanes beside each other, then `reprobox ls` until nothing goes on, then all
    checks.
    """
    return _judged(project, _lanes(project, count, lanes))


def _judged(project: Project, said: list[list[str]]) -> Tally:
    """What became of the tries, once nothing goes on any more."""
    tally = Tally(tried=len(said), acknowledged=sum(words[2] != "-" for words in said))
    rows = _settled(project)
    by_name = {row["name"]: row for row in rows}
    for name, code, acknowledged in said:
        row = by_name.get(name)
        tally.states[row["state"] if row else "never began"] += 1
        tally.wrong += _wrong_run(project, name, int(code), acknowledged, row)
    tally.wrong += _orphans(project, {row["id"] for row in rows})
    fsck = project("fsck", "--project", "--json")
    tally.wrong += [f"fsck: {fault}" for fault in fsck.json[0]["faults"]]
    return tally


CALLS = (
    *(
        "mkdir",
        "mkdirat",
        "link",
        "linkat",
        "rename",
        "renameat",
        "renameat2",
        "unlink",
        "unlinkat",
        "rmdir",
        "symlink",
        "symlinkat",
    ),
    *("fsync", "fdatasync", "syncfs", "ftruncate", "fchmod", "flock", "sendto"),
)
"""System calls that change something on the disk, take a lock, or ask the engine for something."""


def kills_at_calls(project: Project, most: int | None = None) -> Tally:
    """`reprobox run` killed as it enters each of those calls (or so many of them, evenly spread);
    then as `kills`.
    """
    points = _calls(project)
    step = 1 if most is None else max(1, len(points) // most)
    said = []
    for number, (name, count) in enumerate(points[::step]):
        run, code = f"c{number}", CODES[number % len(CODES)]
        done = _traced(
            project,
            run,
            code,
            "-e",
            f"trace={name}",
            "-e",
            f"inject={name}:signal=SIGKILL:when={count}",
        )
        # Waiting for the engine takes more or fewer calls each time, so that the last ones may not
        # be reached.
        assert done.returncode in (code, -signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
        said.append([run, str(code), "-"])
    return _judged(project, said)


def _calls(project: Project) -> list[tuple[str, int]]:
    """The calls of the main thread of one whole run, each with its number among those of its name.

    The second run of the project: what the first one makes for all (the directories of the objects)
        is no call of the others.
    """
    assert _traced(project, "first", 0).returncode == 0
    with tempfile.NamedTemporaryFile() as log:
        done = _traced(project, "traced", 0, "-e", f"trace={','.join(CALLS)}", log=log.name)
        assert done.returncode == 0, done.stderr
        names = [
            line.partition(b"(")[0].decode() for line in log.read().splitlines() if b"(" in line
        ]
    counts: Counter[str] = Counter()
    return [(name, counts[name]) for name in names if name in CALLS and not counts.update([name])]


def _traced(
    project: Project, name: str, code: int, *options: str, log: str = os.devnull
) -> subprocess.CompletedProcess[bytes]:
    words = [
        sys.executable,
        "-m",
        "reprobox.cli.main",
        "run",
        "config.yaml",
        f"code={code}",
        "--name",
        name,
    ]
    return subprocess.run(
        ["strace", "-qq", "-o", log, *options, *words],
        cwd=project.top,
        env=project.env,
        capture_output=True,
        check=False,
    )


def _lanes(project: Project, count: int, lanes: int) -> list[list[str]]:
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(project.top), str(count // lanes), str(seed)],
            env=project.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for seed in range(1, lanes + 1)
    ]
    said = []
    for process in started:
        out, err = process.communicate()
        assert process.returncode == 0, err.decode()
        assert not err, err.decode()
        said += [line.split() for line in out.decode().splitlines()]
    return said


def _settled(project: Project) -> list[dict[str, object]]:
    deadline = time.monotonic() + 120
    while True:
        listed = project("ls", "--json", "-n", "0")
        assert listed.code == 0, listed.err
        rows: list[dict[str, object]] = listed.json
        if not any(row["state"] in ("running", "queued") for row in rows):
            return rows
        assert time.monotonic() < deadline, rows
        time.sleep(0.1)


def _wrong_run(
    project: Project, name: str, code: int, acknowledged: str, row: dict[str, object] | None
) -> list[str]:
    if row is None:
        return [f"{name}: acknowledged as {acknowledged} and lost"] if acknowledged != "-" else []
    path = project.top / ".reprobox/runs" / str(row["id"])
    wrong = []
    if acknowledged not in ("-", row["id"]):
        wrong.append(f"{name}: acknowledged as {acknowledged}, listed as {row['id']}")
    if row["state"] != ("finished" if code == 0 else "failed") or row["exit_code"] != code:
        wrong.append(f"{name}: {row['state']} {row['exit_code']}, and it exits {code}")
    for file, content in (
        ("stdout", STDOUT),
        ("stderr", b"ended\n"),
        ("outputs/out", b"%d\n" % code),
    ):
        if not (path / file).exists() or (path / file).read_bytes() != content:
            wrong.append(f"{name}: {file} is not what it wrote")
    return wrong


def _orphans(project: Project, ids: set[object]) -> list[str]:
    """Containers, refs, directories and notes that belong to no run."""
    from reprobox.engine.docker import DockerEngine

    store = project.top / ".reprobox"
    wrong = [
        f"container {there.name}"
        for there in DockerEngine().find({"dev.reprobox.store": str(store)})
    ]
    refs = set(project.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/reprobox").split())
    wrong += [f"ref {ref} without a run" for ref in refs - ids] + [
        f"run {run} without a ref" for run in ids - refs
    ]
    for run in (store / "runs").iterdir():
        wrong += [] if run.name in ids else [f"directory {run.name}"]
        wrong += [
            f"scratch {run.name}/{name}"
            for name in ("work", "out", "box", "etc", "ballast")
            if (run / name).exists()
        ]
    return [*wrong, *_leftovers(project, store)]


def _leftovers(project: Project, store: Path) -> list[str]:
    """Temporary files of the dead stay for an hour; after that gc takes them."""
    long_ago = time.time() - 7200
    for path in (store / "tmp").iterdir():
        os.utime(path, (long_ago, long_ago))
    said = project("gc", "--project", "--yes", "--json")
    return [f"gc: {said.err}"] * (said.code != 0) + [
        f"left over: {path.name}" for path in (store / "tmp").iterdir()
    ]


if __name__ == "__main__":
    lane(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
