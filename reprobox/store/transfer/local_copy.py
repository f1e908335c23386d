"""What a project has of a run that comes again: which of its files are missing or damaged, and how
they are put right.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path

from reprobox.errors import BundleRefused, ReproboxError, RunBusy, StoreDamaged
from reprobox.kit import canon, fd_trees, files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Intent, Record
from reprobox.store import (
    annotation_log,
    heads,
    layout,
    output_manifest,
    output_tree,
    run_documents,
)
from reprobox.store.numbered_files import add_numbered, numbered
from reprobox.store.runs import Runs
from reprobox.store.transfer import arrival_check, copy
from reprobox.store.transfer.arrival_check import Where
from reprobox.store.transfer.copy import Card


@dataclass
class LocalCopy:
    """A run of a project, as far as it is there.

    Args:
        thorough: hash what is there. Otherwise an output counts as whole when its kind and size are
            the recorded ones and it was not touched after the record was written.
    """

    runs: Runs
    card: Card
    thorough: bool = True
    there: bool = False
    lacking: set[str] = field(default_factory=set)
    """Digests of the run's own files and outputs that are missing or damaged here."""

    def __post_init__(self) -> None:
        self.there = self._is_there()
        if self.there:
            with layout.trouble(f"reading {self.folder}"):
                self.lacking = {*self._lacking_files(), *self._lacking_outputs()}

    @property
    def folder(self) -> Path:
        return self.runs.folder / self.card.id

    def _is_there(self) -> bool:
        """Whether the run is here. Raises BundleRefused when one of the same id and with another
        record is, RunBusy when it has not ended.
        """
        with layout.trouble(f"looking for run {self.card.id}"):
            if not any(
                layout.exists(self.folder / name) for name in ("intent.json", "record.json")
            ):
                return False
            found = _digest(self.folder / "record.json")
        if found == self.card.record:
            return True
        removed = self.runs.is_removed(self.card.id)
        announced = self._announced(found)
        if announced == self.card.record:
            return True
        if removed:
            return False  # it makes room for the one that comes
        if found is None and announced is None:
            raise RunBusy(
                f"run {self.card.id} is here already and has not ended",
                next_step=f"reprobox show {self.card.id}",
            )
        raise BundleRefused(
            f"there is another run {self.card.id} here, so nothing was taken",
            why=f"The record here is {announced or found}, the incoming one is "
            f"{self.card.record}. Records are never edited: one was forged.",
            next_step=f"compare them with the person who sent it; `reprobox rm {self.card.id}` "
            "gives up the one here",
        )

    def _announced(self, found: str | None) -> str | None:
        """The digest that was kept next to the record; where that is gone, the log's. The log alone
        does not prove that there was a record: it is written before.
        """
        with layout.trouble(f"looking for run {self.card.id}"):
            try:
                text = run_documents.sealed((self.folder / "record.sha256").read_bytes())
            except FileNotFoundError:
                text = ""
        if canon.is_digest(text) or found is None:
            return text or None
        head = heads.last(self.runs.root, self.card.id)
        return head.record if head is not None and head.event == "record" else None

    def _lacking_files(self) -> Iterator[str]:
        here = {folder: set(self._numbered(folder)) for folder in copy.FOLDERS}
        for member in self.card.members:
            folder = member.name.rpartition("/")[0]
            if (
                member.digest not in here[folder]
                if folder
                else _digest(self.folder / member.name) != member.digest
            ):
                yield member.digest

    def _lacking_outputs(self) -> Iterator[str]:
        if not self.card.of("outputs"):
            return
        outputs = self._outputs()
        if outputs is None:
            yield from (blob.digest for blob in self.card.of("outputs"))
            return
        yield from (file.sha256 for file in self.wrong(outputs) if file.kind != "dir")

    def _outputs(self) -> tuple[OutputFile, ...] | None:
        """The outputs by the manifest here; None when record or manifest are not what they were."""
        try:
            data = run_documents.read(self.folder, run_documents.RECORD)
            lines = (self.folder / "outputs.jsonl").read_bytes()
            if canon.digest_bytes(data) != self.card.record:
                return None
            record = codec.decode(Record, data, where=f"the record of {self.card.id}")
            if record.outputs.manifest != canon.digest_bytes(lines):
                return None
            return output_manifest.read_manifest(lines)
        except (FileNotFoundError, ReproboxError):
            return None

    def wrong(self, outputs: Sequence[OutputFile]) -> list[OutputFile]:
        """The outputs that are missing or damaged here."""
        top = self.folder / "outputs"
        before = math.inf if self.thorough else _written(self.folder / "record.json")
        return [
            file
            for file in outputs
            if (self.thorough or not output_tree.looks_whole(top, file, before))
            and output_tree.found(top, file.path) != (file.kind, file.sha256)
        ]

    def complete(self, where: Where, *, outside_links: bool) -> bool:
        """Puts right what is missing or damaged, from bytes that came; whether there was any.

        Args:
            where: the file with the bytes of a digest; it may not be there.

        Raises:
            BundleRefused: what came is not what the record says.
        """
        with (
            layout.trouble(f"completing run {self.card.id}"),
            files.locked(self.folder / "lock"),
        ):
            changed = self._restore_record(where)
            record = self._record()
            changed |= self._restore_files(record, where)
            if self.card.of("outputs"):
                changed |= self._restore_outputs(record, where, outside_links)
            changed |= self._add_numbered(where)
            if changed:
                files.sync_filesystem(self.folder)
        if self.runs.is_removed(self.card.id):
            self.runs.restore(self.card.id)
            return True
        return changed

    def _record(self) -> Record:
        data = run_documents.read(self.folder, run_documents.RECORD)
        return codec.decode(Record, data, where=f"the record of {self.card.id}")

    def _restore_record(self, where: Where) -> bool:
        restored = False
        if _digest(self.folder / "record.json") != self.card.record:
            data = _read(where, self.card.record)
            if data is None:
                raise StoreDamaged(
                    f"the record of {self.card.id} is damaged, and was not sent again",
                    next_step="import or pull the run from a place that has it whole",
                )
            short = run_documents.kept(self.runs.root, run_documents.RECORD, data)
            files.replace(self.folder / "record.json", short, 0o600)
            restored = True
        record = (self.folder / run_documents.RECORD).read_bytes()
        seal = run_documents.seal(self.card.record, record)
        if not (self.folder / "record.sha256").is_file() or (
            (self.folder / "record.sha256").read_bytes() != seal
        ):
            files.replace(self.folder / "record.sha256", seal, 0o600)
            restored = True
        return restored

    def _restore_files(self, record: Record, where: Where) -> bool:
        """The files next to the record: those that it names by their digests there, the others only
        where they are gone.
        """
        named = arrival_check.files_of(record)
        restored = False
        for member in self.card.members:
            if "/" in member.name or member.name == "record.json":
                continue
            here = _digest(self.folder / member.name)
            expected = named.get(member.name, member.digest)
            if member.name == "intent.json" and here != expected:
                here = expected if self._is_intent(record) else None
            known = member.name in named or member.name == "intent.json"
            if here == expected or (here is not None and not known):
                continue
            data = _read(where, expected)
            if data is None or (member.name == "intent.json" and not _says(record, data)):
                continue
            if member.name == run_documents.INTENT:
                data = run_documents.kept(self.runs.root, member.name, data)
            files.replace(self.folder / member.name, data, 0o600)
            restored = True
        return restored

    def _is_intent(self, record: Record) -> bool:
        try:
            return _says(record, run_documents.read(self.folder, run_documents.INTENT))
        except (FileNotFoundError, StoreDamaged):
            return False

    def _restore_outputs(self, record: Record, where: Where, outside_links: bool) -> bool:
        outputs = self._outputs()
        if outputs is None:
            raise StoreDamaged(
                f"the output manifest of {self.card.id} is damaged, and was not sent again",
                next_step="import or pull the run from a place that has it whole",
            )
        arrival_check.check_outputs(self.card, record, outputs)
        wrong = self.wrong(outputs)
        if not wrong:
            return False
        arrival_check.check_links(self.card, wrong, where, outside=outside_links)
        made = self.runs.root / "tmp" / f"incoming-{self.card.id}-{os.urandom(4).hex()}"
        made.mkdir(mode=0o700)
        try:
            if layout.exists(self.folder / "outputs"):
                output_tree.repair(self.folder / "outputs", wrong, where, made)
            else:
                output_tree.write(made / "outputs", outputs, where)
                files.sync_filesystem(made)
                os.rename(made / "outputs", self.folder / "outputs")
                files.fsync_dir(self.folder)
        finally:
            with contextlib.suppress(OSError):
                fd_trees.remove(made)
        return True

    def _add_numbered(self, where: Where) -> bool:
        """Verdicts, statements and annotations that this project's copy of the run does not have,
        or has damaged.
        """
        changed = False
        for folder in copy.FOLDERS:
            there = set(self._numbered(folder))
            for member in self.card.members:
                if not member.name.startswith(f"{folder}/") or member.digest in there:
                    continue
                data = _read(where, member.digest)
                if data is None:
                    continue
                arrival_check.check_numbered(self.card, folder, data)
                if folder == annotation_log.FOLDER:
                    annotation_log.merge(self.runs.root, self.card.id, [data])
                elif self._is_damaged(folder, member.name):
                    files.replace(self.folder / member.name, data, 0o600)
                else:
                    add_numbered(self.folder, folder, data)
                changed = True
        return changed

    def _numbered(self, folder: str) -> Iterator[str]:
        if folder == annotation_log.FOLDER:
            documents = annotation_log.documents(self.runs.root, self.card.id)
            yield from map(canon.digest_bytes, documents)
            return
        for path in numbered(self.folder, folder):
            yield canon.digest_file(path)

    def _is_damaged(self, folder: str, name: str) -> bool:
        """Whether a document of that name is here and cannot be read."""
        try:
            arrival_check.check_numbered(self.card, folder, (self.folder / name).read_bytes())
        except FileNotFoundError:
            return False
        except BundleRefused:
            return True
        return False


def _says(record: Record, data: bytes) -> bool:
    """Whether some bytes are the intent of a record."""
    try:
        return codec.decode(Intent, data, where="an intent") == record.intent
    except ReproboxError:
        return False


def _digest(path: Path) -> str | None:
    """The digest of a file, a document's as the whole that it is; None when it is not there, or is
    no regular file.
    """
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        if path.name in run_documents.NAMES:
            return run_documents.digest(path.parent, path.name)
        return canon.digest_file(path)
    except FileNotFoundError:
        return None


def _read(where: Where, digest: str) -> bytes | None:
    """The bytes of a document that came; None when it did not."""
    try:
        data = where(digest).read_bytes()
    except FileNotFoundError:
        return None
    return data if canon.digest_bytes(data) == digest else None


def _written(path: Path) -> float:
    """When a file was changed last, by the kernel's own time."""
    try:
        return os.stat(path).st_ctime
    except FileNotFoundError:
        return -math.inf
