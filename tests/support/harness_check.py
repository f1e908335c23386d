"""What must hold of a store after any death: nothing promised is lost, nothing there is damaged,
and the work can go on.
"""

from __future__ import annotations

import os
from pathlib import Path

import harness_program
from harness_runs import an_intent

from reprobox.errors import ReproboxError, RunBusy, RunNotFound
from reprobox.kit import canon
from reprobox.store import integrity
from reprobox.store.objects import ObjectStore
from reprobox.store.runs import Runs


def check(root: Path, said: list[list[str]]) -> list[str]:
    """Everything that is wrong with a store, given what the program had said before it died."""
    try:
        return [*_promised(root, said), *_damaged(root, said), *_recovers(root)]
    except (ReproboxError, OSError) as error:
        return [f"recovery failed: {error!r}"]


def said_lines(out: bytes) -> list[list[str]]:
    """The program's words, a list a line."""
    return [line.decode().split() for line in out.splitlines()]


def _promised(root: Path, said: list[list[str]]) -> list[str]:
    wrong, runs, store = [], Runs(root), ObjectStore(root)
    removing = {words[1] for words in said if words[0] == "removing"}
    trashing = {words[1] for words in said if words[0] == "trashing"}
    restoring = {words[1] for words in said if words[0] in ("trashed", "restored")}
    for run_id in trashing & runs.removed().keys():
        if ["restored", run_id] in said:
            wrong.append(f"still removed: {run_id}")
        runs.restore(run_id)
    wrong += [f"lost: removed run {one}" for one in restoring if one not in runs.ids()]
    for words in said:
        if words[0] == "put" and not store.verify(words[1]):
            wrong.append(f"lost: object {words[1]}")
        elif words[0] in ("begun", "started", "finished", "judged") and words[1] not in removing:
            wrong += _run_lost(runs, words)
        elif words[0] == "removed" and words[1] in runs.ids():
            wrong.append(f"back again: {words[1]}")
    return wrong


def _run_lost(runs: Runs, words: list[str]) -> list[str]:
    try:
        runs.intent(words[1])
        if words[0] == "started" and runs.started(words[1]) is None:
            return [f"lost: start of {words[1]}"]
        if words[0] == "finished" and runs.record(words[1])[1] != words[2]:
            return [f"wrong record of {words[1]}"]
        if words[0] == "judged" and len(runs.verdicts(words[1])) != 1:
            return [f"lost: verdict of {words[1]}"]
    except (RunNotFound, RunBusy) as error:
        return [f"lost: {words[0]} of {words[1]}: {error}"]
    return []


def _damaged(root: Path, said: list[list[str]]) -> list[str]:
    if not (root / "VERSION").exists():
        # The store was never promised to anybody: its first answer comes after VERSION.
        return []
    announced = "announced and is not there"
    faults = [fault for fault in integrity.check(root).faults if announced not in fault.why]
    removing = {words[1] for words in said if words[0] == "removing"}
    return [
        f"{fault.kind}: {fault.what}: {fault.why}"
        for fault in faults
        if not _half_removed(fault, removing)
    ]


def _half_removed(fault: integrity.Fault, removing: set[str]) -> bool:
    """A removal that was announced and then cut off leaves the run; it is removed again."""
    return (
        fault.kind == "untrusted"
        and fault.why == "it was removed, and is here again"
        and fault.what.split()[-1] in removing
    )


def _recovers(root: Path) -> list[str]:
    """The next command: finish what can be finished, then make something new."""
    runs, wrong = Runs(root), []
    silent = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    try:
        for run_id in runs.unfinished():
            with runs.hold(run_id) as run:
                harness_program.finish(runs, run)
            left = {path.name for path in (runs.path(run_id) / "outputs").iterdir()}
            if left != {file.path.split("/")[0] for file in runs.outputs(run_id)}:
                wrong.append(f"not finished again: {run_id}")
    finally:
        os.dup2(silent, 1)
        os.close(silent)
        os.close(null)
    ObjectStore(root).put_bytes(b"afterwards")
    intent = an_intent(harness_program.THIRD)
    with runs.begin(intent, {}):
        pass
    if (
        not ObjectStore(root).verify(canon.digest_bytes(b"afterwards"))
        or runs.intent(intent.id) != intent
    ):
        wrong.append("what was written afterwards is not there")
    return wrong
