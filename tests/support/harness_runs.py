"""Whole intents and records with few words, for every test of the store and of the file comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.image import Image, tag_of
from reprobox.model.lock import BaseLock, Lock, Python
from reprobox.model.outcome import Exit, OutputFile
from reprobox.model.record import Intent, OutputSummary, Record
from reprobox.model.runspec import RunSpec
from reprobox.model.source import Source
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.run_ids import new_id
from reprobox.store.runs import Runs

NOW = 1_795_188_612.0
EMPTY = canon.digest_bytes(b"")
LOCK = Lock(
    intent=EMPTY,
    timestamp=1,
    python=Python(version="3.11", executable="/usr/bin/python3.11"),
    base=BaseLock(kind="debian", reference="bookworm"),
)
LOCKED = codec.digest(LOCK)


def a_runspec(**changes: Any) -> RunSpec:
    spec = RunSpec(
        argv=("python", "train.py"),
        workdir=".",
        env={"LANG": "C.UTF-8"},
        commit="c" * 40,
        tree="d" * 40,
        config_path="config.yaml",
        config_digest=EMPTY,
        image=EMPTY,
        lock=LOCKED,
        runtime=EMPTY,
        seed=0,
        profile="same-machine",
        threads=1,
    )
    return replace(spec, **changes)


def an_intent(
    run_id: str | None = None, *, now: float = NOW, runspec: RunSpec | None = None, **changes: Any
) -> Intent:
    run_id = run_id or new_id(now)
    spec = runspec or a_runspec()
    intent = Intent(
        id=run_id,
        runspec=spec,
        identity=codec.digest(spec),
        source=Source(commit="c" * 40, tree="d" * 40, commit_time=1, branch="main"),
        image=Image(config=EMPTY, manifest=EMPTY, diff_ids=(), lock=LOCKED, tag=tag_of(LOCKED)),
        lock=LOCK,
        config={},
        created=now,
        container=f"reprobox-{run_id}",
        reprobox="0.1.0",
    )
    return replace(intent, **changes)


def a_record(
    intent: Intent, outputs: tuple[OutputFile, ...] = (), *, code: int = 0, **changes: Any
) -> Record:
    record = Record(
        intent=intent,
        exit=Exit(code=code, reason="exited"),
        started=NOW,
        finished=NOW + 1,
        duration=1.0,
        outputs=OutputSummary(
            manifest=canon.digest_bytes(outputs_manifest(outputs)),
            files=len(outputs),
            size=sum(file.size for file in outputs),
        ),
        stdout=EMPTY,
        stderr=EMPTY,
        met={"outside": {}},
    )
    return replace(record, **changes)


def an_output(path: str, data: bytes = b"x", mode: int = 0o644, kind: Any = "file") -> OutputFile:
    return OutputFile(
        path=path, kind=kind, size=len(data), mode=mode, sha256=canon.digest_bytes(data)
    )


def a_finished_run(runs: Runs, *, now: float = NOW, code: int = 0, **changes: Any) -> str:
    intent = an_intent(now=now, **changes)
    with runs.begin(intent, {"config.yaml": b""}) as run:
        run.started("f" * 64)
        run.finish(a_record(intent, code=code), outputs_manifest(()))
    return intent.id
