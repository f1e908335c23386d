"""Runs that travel, made without an engine: real records with outputs of every kind, and everything
that goes along.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from harness_runs import LOCK, a_record, a_runspec, an_intent

from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.source import Source
from reprobox.model.verdict import Class, Verdict
from reprobox.store.objects import ObjectStore
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.project import open_project
from reprobox.store.runs import Runs
from reprobox.store.transfer import copy
from reprobox.store.transfer.bundle import Reader, Writer
from reprobox.store.transfer.copy import Card, Copied, Parcels, Role
from reprobox.store.transfer.incoming import Project
from reprobox.store.transfer.outgoing import Packing, open_binary

COMMIT = "c" * 40
Tree = Mapping[str, bytes | tuple[str, bytes] | None]
"""Path to bytes, to ("link", text), or to None for an empty directory."""
OUTPUTS: Tree = {
    "model.bin": bytes(range(256)) * 40,
    "results/metrics.json": b'{"loss": 0.25}',
    "results/again.json": b'{"loss": 0.25}',
    "odd names/new\nline": b"n",
    "odd names/\udcff\udcfe": b"not UTF-8",
    "empty": b"",
    "nothing": None,
    "latest": ("link", b"results/metrics.json"),
}


class Silent:
    """A progress that counts."""

    done = 0

    @contextlib.contextmanager
    def task(self, what: str, total: int | None = None) -> Iterator[Silent]:
        yield self

    def update(self, advance: int, note: str = "") -> None:
        self.done += advance

    def note(self, text: str) -> None:
        raise AssertionError(text)


def a_run(
    runs: Runs,
    outputs: Tree = OUTPUTS,
    *,
    seed: int = 0,
    now: float = 1_795_188_612.0,
    commit: str = COMMIT,
    **changes: Any,
) -> str:
    """A finished run whose directory is as a real one's."""
    objects = ObjectStore(runs.root)
    config = objects.put_bytes(f"seed: {seed}\n".encode())
    lock = objects.put_bytes(codec.encode(LOCK))
    payload = objects.put_bytes(b"print('shim')\n")
    runtime = objects.put_bytes(
        canon.canonical({"files": {"shim.py": {"sha256": payload, "mode": "0444"}}})
    )
    spec = a_runspec(config_digest=config, lock=lock, runtime=runtime, seed=seed, commit=commit)
    source = Source(commit=commit, tree=spec.tree, commit_time=1, branch="main")
    intent = an_intent(now=now, runspec=spec, source=source, **changes)
    with runs.begin(intent, {"config.yaml": f"seed: {seed}\n".encode()}) as run:
        run.started("f" * 64)
        found = tuple(_write(run.outputs, path, what) for path, what in outputs.items())
        (run.path / "stdout").write_bytes(b"step 1\nstep 2\n")
        (run.path / "trail-1.jsonl").write_bytes(b"{}\n")
        lines = outputs_manifest(found)
        record = a_record(intent, found, stdout=canon.digest_bytes(b"step 1\nstep 2\n"))
        run.finish(record, lines)
    return intent.id


def _write(top: Path, path: str, what: bytes | tuple[str, bytes] | None) -> OutputFile:
    place = top / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if what is None:
        place.mkdir()
        return OutputFile(path=path, kind="dir", size=0, mode=0o755, sha256=canon.digest_bytes(b""))
    if isinstance(what, tuple):
        place.symlink_to(os.fsdecode(what[1]))
        return OutputFile(
            path=path,
            kind="link",
            size=len(what[1]),
            mode=0o777,
            sha256=canon.digest_bytes(what[1]),
        )
    place.write_bytes(what)
    place.chmod(0o640)
    return OutputFile(
        path=path, kind="file", size=len(what), mode=0o640, sha256=canon.digest_bytes(what)
    )


def a_verdict(left: str, right: str, **changes: Any) -> Verdict:
    empty = canon.digest_bytes(b"")
    given: dict[str, Any] = {
        "result": Class.IDENTICAL,
        "files": (),
        "exit_equal": True,
        "checked": 1.0,
        **changes,
    }
    return Verdict(left=left, right=right, left_record=empty, right_record=empty, **given)


def packed(
    runs: Runs,
    *run_ids: str,
    parts: Sequence[Role] = ("code", "outputs", "lock"),
    wheels: Sequence[bytes] = (),
    pack: bytes = b"PACK of " + COMMIT.encode(),
) -> Parcels:
    """Runs ready to go, as flow would pack them."""
    own = ObjectStore(runs.root)
    parcels = []
    for run_id in run_ids:
        packing = Packing(runs, run_id)
        packing.add_directory()
        packing.add_spec(runs.record(run_id)[0].intent.runspec, own)
        if "outputs" in parts:
            packing.add_outputs()
        if "code" in parts:
            packing.pack = canon.digest_bytes(pack)
            packing.add("code", packing.pack, len(pack), partial(io.BytesIO, pack))
        if "lock" in parts:
            for wheel in wheels:
                packing.add(
                    "lock", canon.digest_bytes(wheel), len(wheel), partial(io.BytesIO, wheel)
                )
            base = b"the layers of a base"
            packing.add("lock", canon.digest_bytes(base), len(base), partial(io.BytesIO, base))
            packing.memos["image/base/1/" + "b" * 64] = canon.digest_bytes(base)
        parcels.append(packing.parcel())
    return Parcels(parcels)


def bundle_of(origin: copy.Origin) -> bytes:
    """The bytes of a bundle."""
    target = io.BytesIO()
    with Writer(target) as writer:
        copy.copy(copy.plan(origin, writer), origin, writer, Silent())
    return target.getvalue()


@dataclass
class There:
    """A project on another machine: its store, its shared store, and what git would have."""

    top: Path
    commits: dict[str, bytes] = field(default_factory=dict)
    outside_links: bool = False

    @property
    def runs(self) -> Runs:
        return open_project(self.top)

    @property
    def shared(self) -> ObjectStore:
        return ObjectStore(self.top.parent / f"{self.top.name}-home")

    def destination(self) -> AbstractContextManager[Project]:
        def take(card: Card, found: Mapping[str, Path]) -> None:
            assert card.pack is not None
            self.commits[card.commit] = found[card.pack].read_bytes()

        self.top.mkdir(exist_ok=True)
        return Project(
            open_project(self.top),
            self.shared,
            has_commit=self.commits.__contains__,
            take_code=take,
            outside_links=self.outside_links,
        )

    def take(self, origin: copy.Origin) -> Copied:
        with self.destination() as destination:
            return copy.copy(copy.plan(origin, destination), origin, destination, Silent())

    def import_(self, data: bytes | IO[bytes]) -> Copied:
        return self.take(Reader(io.BytesIO(data) if isinstance(data, bytes) else data))

    def record(self, run_id: str) -> Record:
        return self.runs.record(run_id)[0]

    def published(self) -> list[str]:
        return self.runs.ids() if (self.top / ".reprobox").exists() else []

    def waiting(self) -> list[str]:
        """What lies in the two stores' tmp directories."""
        folders = (self.top / ".reprobox" / "tmp", self.shared.root / "tmp")
        return sorted(name for folder in folders if folder.is_dir() for name in os.listdir(folder))


def snapshot(run: Path) -> dict[str, Any]:
    """Everything in a run's directory that travels: kinds, modes of outputs, bytes."""
    found: dict[str, Any] = {}
    for folder, names, inner in os.walk(run):
        for name in [*names, *inner]:
            path = Path(folder) / name
            key = str(path.relative_to(run))
            if key in ("lock", "started.json", "arrival"):
                continue
            if path.is_symlink():
                found[key] = ("link", os.readlink(path))
            elif path.is_dir():
                found[key] = "dir"
            else:
                found[key] = (
                    path.read_bytes(),
                    path.stat().st_mode & 0o777 if key.startswith("outputs/") else 0,
                )
    return found


__all__ = [
    "COMMIT",
    "OUTPUTS",
    "Silent",
    "There",
    "a_run",
    "a_verdict",
    "bundle_of",
    "codec",
    "open_binary",
    "packed",
    "snapshot",
]
