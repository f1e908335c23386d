"""The program under test: it uses every write path of a store and says on stdout what it was told
is done.

    python harness_program.py ROOT SCENARIO [VARIANT]

Exit codes: 0 everything was done, 3 the store refused (StoreError), 5 the experiment itself could
not write; anything else is a bug. VARIANT breaks the protocol on purpose: the harnesses must
notice, or they prove nothing.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from harness_runs import NOW, a_finished_run, a_record, a_runspec, an_intent

from reprobox.errors import ReproboxError, StoreError
from reprobox.kit import canon, files
from reprobox.model.verdict import Class, Verdict
from reprobox.store import garbage, layout
from reprobox.store.collect import collect
from reprobox.store.objects import ObjectStore
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.runs import Runs

FIRST, SECOND, THIRD = (f"20261120-15301{number}-brave-otter-000{number}" for number in range(3))
CONFIG = b"lr: 1\n"
OUTPUTS = {"model/weights": b"w" * 300, "metrics": b"0.5\n"}


def say(*words: str) -> None:
    """One line, one write: the harness takes it as the moment of the promise."""
    os.write(1, (" ".join(words) + "\n").encode())


def a_run(runs: Runs, run_id: str) -> None:
    intent = an_intent(run_id, runspec=a_runspec(config_digest=canon.digest_bytes(CONFIG)))
    with runs.begin(intent, {"config.yaml": CONFIG}) as run:
        say("begun", run_id)
        work, out = run.path / "work", run.path / "out"
        with layout.trouble("laying out a run"):  # as flow/ does it
            for folder in (work, out):
                folder.mkdir()
        run.started("f" * 64)
        say("started", run_id)
        experiment(work, out)
        finish(runs, run)
        run.clear_scratch()


def download(path: Path) -> Path:
    """A file that somebody else wrote: its errors are not the store's."""
    try:
        path.write_bytes(b"a layer")
    except OSError:
        say("experiment")
        raise SystemExit(5) from None
    return path


def experiment(work: Path, out: Path) -> None:
    """What the user's program does in its container: its errors are its own."""
    try:
        (work / "model").mkdir()
        for name, data in OUTPUTS.items():
            (work / name).write_bytes(data)
        (work / "link").symlink_to("metrics")
        (out / "stdout").write_bytes(b"said\n")
    except OSError:
        say("experiment")
        raise SystemExit(5) from None


def finish(runs: Runs, run: Any) -> None:
    """What a supervisor does at the end, and what the next command does again when that one died."""
    stdout = run.keep("stdout", run.path / "out" / "stdout") or canon.digest_bytes(b"")
    found = collect(run.path / "work", {}, (), run.outputs)
    digest = run.finish(
        a_record(runs.intent(run.id), found.outputs, stdout=stdout), outputs_manifest(found.outputs)
    )
    say("finished", run.id, digest)


def write(root: Path) -> None:
    """Objects in each way, a run with verdict, a second run, a deletion, a removal and its undo."""
    store, runs = ObjectStore(root), Runs(root)
    say("put", store.put_bytes(b"a wheel"))
    say("put", store.put_bytes(b"a wheel"))
    say("put", store.put_file(download(root / "tmp" / "download"), move=True))
    store.remember("wheel", {"layer": 1})
    a_run(runs, FIRST)
    digest = runs.record(FIRST)[1]
    verdict = Verdict(
        left=FIRST,
        right=FIRST,
        left_record=digest,
        right_record=digest,
        result=Class.IDENTICAL,
        files=(),
        exit_equal=True,
    )
    runs.add_verdict(FIRST, verdict)
    say("judged", FIRST)
    a_run(runs, SECOND)
    say("removing", FIRST)
    runs.remove(FIRST)
    say("removed", FIRST)
    say("trashing", SECOND)
    runs.trash(SECOND)
    say("trashed", SECOND)
    runs.restore(SECOND)
    say("restored", SECOND)


def prepare(root: Path) -> None:
    """What the scenarios `collect` and `list` start from (not under test)."""
    store, runs = ObjectStore(root), Runs(root)
    for data in (b"needed", b"lonely", b"lonely too"):
        os.utime(store.path(store.put_bytes(data)), (1, 1))
    for number in range(5):
        a_finished_run(
            runs, now=NOW + number, runspec=a_runspec(runtime=canon.digest_bytes(b"needed"))
        )
    scratch = runs.path(runs.ids()[0]) / "work"
    scratch.mkdir()
    (scratch / "file").write_bytes(b"x")
    runs.trash(runs.ids()[-1])


def tidy(root: Path) -> None:
    """gc, with objects, leftovers and a removed run to delete."""
    runs = Runs(root)
    for run_id in runs.removed():
        runs.purge(run_id, time.time())
    freed = garbage.carry_out(root, garbage.plan(root))
    say("freed", str(freed))


def listing(root: Path) -> None:
    """A list that makes the index, and one that has it."""
    for _ in range(2):
        say("listed", *sorted(row.id for row in Runs(root).list()))


_REAL_FSYNC, _REAL_FSYNC_DIR = os.fsync, files.fsync_dir


def publish_in_place(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Writes under the final name."""
    path.write_bytes(data)
    _REAL_FSYNC_DIR(path.parent)


def publish_and_sync_late(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Gives the name first and syncs the bytes afterwards."""
    temp = files.temp_beside(path.parent)
    temp.write_bytes(data)
    os.link(temp, path)
    fd = os.open(path, os.O_RDONLY)
    _REAL_FSYNC(fd)
    os.close(fd)
    _REAL_FSYNC_DIR(path.parent)
    temp.unlink()


def sync_all_but_parents(path: Path) -> None:
    """Forgets that a new directory is a name in its parent."""
    if path.name != "runs":
        _REAL_FSYNC_DIR(path)


def nothing(_: object) -> None:
    """Does not sync."""


VARIANTS: dict[str, list[tuple[Any, str, Any]]] = {
    "": [],
    "no-fsync": [(os, "fsync", nothing), (files, "sync_filesystem", nothing)],
    "no-directory-fsync": [(files, "fsync_dir", nothing)],
    "no-parent-fsync": [(files, "fsync_dir", sync_all_but_parents)],
    "no-syncfs": [(files, "sync_filesystem", nothing)],
    "in-place": [(files, "publish", publish_in_place)],
    "fsync-after-link": [(files, "publish", publish_and_sync_late)],
}
"""Pieces of the protocol replaced by what a careless author would write."""


def break_protocol(variant: str) -> None:
    """Breaks the protocol, here and now."""
    for place, name, careless in VARIANTS[variant]:
        setattr(place, name, careless)


SCENARIOS = {"write": write, "prepare": prepare, "tidy": tidy, "list": listing}


def main() -> int:
    root, scenario = Path(sys.argv[1]), sys.argv[2]
    break_protocol(sys.argv[3] if len(sys.argv) > 3 else "")
    say("go")
    try:
        SCENARIOS[scenario](root)
    except StoreError as error:
        say("refused", type(error).__name__)
        return 3
    except ReproboxError as error:
        say("wrong", repr(error))
        return 4
    say("done")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
