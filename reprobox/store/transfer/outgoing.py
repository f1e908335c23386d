"""A recorded run as it leaves: the files of its directory and its outputs, as blobs."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import IO, Any

from reprobox.errors import StoreDamaged
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.ports import Objects
from reprobox.model.runspec import RunSpec
from reprobox.store import annotation_log, layout, run_documents
from reprobox.store.rundir import ARRIVAL
from reprobox.store.runs import Runs
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Blob, Card, Member, Opener, Parcel, Role

_STAYS = ("lock", "record.sha256", "started.json", "exported.jsonl", "stopped", ARRIVAL)
"""Files of a run's directory that mean something on this machine only, or follow from another."""


@dataclass
class Packing:
    """A parcel while it is being filled."""

    runs: Runs
    id: str
    blobs: set[Blob] = field(default_factory=set)
    openers: dict[str, Opener] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    memos: dict[str, Any] = field(default_factory=dict)
    pack: str | None = None

    def add(self, role: Role, digest: str, size: int, opener: Opener) -> None:
        """One more blob."""
        self.blobs.add(Blob(digest=digest, size=size, role=role))
        self.openers[digest] = opener

    def add_file(self, role: Role, digest: str, path: Path) -> None:
        """One more blob, which is a file; its bytes are checked on the way."""
        with layout.trouble(f"reading {path}"):
            self.add(role, digest, path.stat().st_size, partial(open_binary, path))

    def add_directory(self) -> None:
        """The files of the run's directory, and its names, tags and notes.

        Raises:
            RunNotFound, RunBusy, StoreDamaged: as `Runs.record`.
        """
        self.runs.record_bytes(self.id)
        folder = self.runs.path(self.id)
        with layout.trouble(f"reading {folder}"):
            for name in sorted(names(folder)):
                digest = self._add_member(folder, name)
                self.members.append(Member(name=name, digest=digest))
        for number, data in enumerate(annotation_log.documents(self.runs.root, self.id), 1):
            digest = canon.digest_bytes(data)
            name = f"{annotation_log.FOLDER}/{number:04d}.json"
            self.members.append(Member(name=name, digest=digest))
            self.add("run", digest, len(data), partial(io.BytesIO, data))

    def _add_member(self, folder: Path, name: str) -> str:
        """A file of the run's directory; a document whole, since what it names stays here."""
        if name in run_documents.NAMES:
            data = run_documents.read(folder, name)
            digest = canon.digest_bytes(data)
            self.add("run", digest, len(data), partial(io.BytesIO, data))
        else:
            digest = canon.digest_file(folder / name)
            self.add_file("run", digest, folder / name)
        return digest

    def add_spec(self, asked: RunSpec, objects: Objects) -> None:
        """Config, lock and injected runtime: small, and without them a record is only a story.

        Raises:
            FetchError: one of them is not here any more.
            StoreDamaged: the list of the runtime's files is not what was stored.
        """
        path = objects.path(asked.runtime)
        with layout.trouble(f"reading {asked.runtime}"):
            data = path.read_bytes()
        if canon.digest_bytes(data) != asked.runtime:
            raise StoreDamaged(
                f"the bytes of {asked.runtime} have changed",
                next_step="`reprobox fsck` names what has changed",
            )
        runtime = sorted({str(listed["sha256"]) for listed in canon.parse(data)["files"].values()})
        for digest in (asked.config_digest, asked.lock, asked.runtime, *runtime):
            self.add_file("spec", digest, objects.path(digest))

    def add_outputs(self) -> None:
        """The contents of the outputs. Raises StoreDamaged when the manifest is damaged."""
        top = self.runs.path(self.id) / "outputs"
        for file in self.runs.outputs(self.id):
            path = top / file.path
            if file.kind == "file":
                self.add("outputs", file.sha256, file.size, partial(open_binary, path))
            elif file.kind == "link":
                self.add("outputs", file.sha256, file.size, partial(_link_text, path))

    def parcel(self) -> Parcel:
        """The finished parcel."""
        record, digest = self.runs.record(self.id)
        card = Card(
            id=self.id,
            record=digest,
            replay_of=record.intent.replay_of,
            commit=record.intent.source.commit,
            pack=self.pack,
            members=tuple(self.members),
            blobs=copy.in_order(self.blobs),
            memos=self.memos,
        )
        return Parcel(card=card, openers=self.openers)


def names(folder: Path) -> Iterable[str]:
    """The files of a run's directory that travel, relative to it; outputs not among them."""
    for entry in os.scandir(folder):
        if (
            entry.is_file(follow_symlinks=False)
            and entry.name not in _STAYS
            and not entry.name.startswith(".")
        ):
            yield entry.name
    for inner in copy.FOLDERS:
        if (folder / inner).is_dir():
            yield from (
                f"{inner}/{name}" for name in os.listdir(folder / inner) if not name.startswith(".")
            )


def open_binary(path: Path) -> IO[bytes]:
    """A file to read."""
    return path.open("rb")


def _link_text(path: Path) -> IO[bytes]:
    return io.BytesIO(os.readlink(os.fsencode(path)))
