"""A project as the end where runs arrive: blobs wait in `tmp/` or become objects; a run appears by
one rename, whole.

Nothing in a card is believed: a run is published only when its record, its intent, its output
manifest and its streams are the bytes that the record names, and its outputs are written by
directory descriptors, which never follow a link.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from reprobox.errors import HashMismatch, RunBusy, StoreError
from reprobox.kit import canon, fd_trees, files
from reprobox.kit.canon import Digest
from reprobox.kit.hashing import Hashing
from reprobox.store import annotation_log, heads, layout, output_tree, run_documents
from reprobox.store.objects import ObjectStore
from reprobox.store.rundir import ARRIVAL
from reprobox.store.runs import Runs
from reprobox.store.transfer import arrival_check, copy
from reprobox.store.transfer.copy import Blob, Card, Member, Outcome, Readable
from reprobox.store.transfer.local_copy import LocalCopy

_CHUNK = 1 << 20
_SHARED = frozenset(("lock", "image", "inputs"))
"""Roles whose bytes other projects may want too; the others belong to the project."""
_MADE = "incoming-"
"""How directories in `tmp/` begin in which a run is put together."""
_ROOM = 64 << 20
"""Bytes that stay free on the disk."""

TakeCode = Callable[[Card, Mapping[str, Path]], None]
"""Puts a commit into git, from files by digest (pack and LFS content)."""


class Project:
    """A project's store as a `copy.Destination`; a context manager, because a project takes one
    import at a time.

    Args:
        has_commit: whether git has a commit already.
        take_code: puts it there, with what else the run needs to be found in git.
        outside_links: whether outputs may be links that lead out of the run's outputs.
        thorough: whether what is here is hashed; see LocalCopy.
    """

    def __init__(
        self,
        runs: Runs,
        shared: ObjectStore,
        *,
        has_commit: Callable[[str], bool],
        take_code: TakeCode,
        outside_links: bool = False,
        thorough: bool = True,
    ) -> None:
        self._thorough = thorough
        self._arrived = 0
        """The position of the last run that was published."""
        self._here: dict[str, LocalCopy] = {}
        self._damaged: set[str] = set()
        """Digests of objects that are here with other bytes."""
        self._healed: set[str] = set()
        """Digests that were not here, or not whole, when the copy was planned."""
        self._runs, self._shared, self._own = runs, shared, ObjectStore(runs.root)
        self._has_commit, self._take_code, self._outside = has_commit, take_code, outside_links
        self._stack = contextlib.ExitStack()
        self._needed: dict[str, set[str]] = {}
        self._all: set[str] = set()

    def __enter__(self) -> Self:
        layout.ensure(self._runs.root)
        with layout.trouble("beginning to take runs"), contextlib.ExitStack() as stack:
            try:
                stack.enter_context(files.locked(self._runs.root / "incoming.lock", wait=False))
            except BlockingIOError as fault:
                raise RunBusy(
                    "another import or pull into this project is running",
                    next_step="wait for it, then try again",
                ) from fault
            self._clear()
            self._stack = stack.pop_all()
        return self

    def _clear(self) -> None:
        """Removes what an import that was killed had made of runs; only one that has the lock makes
        such things.
        """
        for name in os.listdir(self._runs.root / "tmp"):
            if name.startswith(_MADE):
                fd_trees.remove(self._runs.root / "tmp" / name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def missing(self, cards: Sequence[Card]) -> Mapping[str, int]:
        """What is not here; refuses a run that is here and differs."""
        self._needed = {}
        self._here = {card.id: LocalCopy(self._runs, card, self._thorough) for card in cards}
        self._all = {canon.hex_of(blob.digest) for card in cards for blob in card.blobs}
        with layout.trouble("looking for what is here"):
            for card in cards:
                for blob in self._needs(card):
                    self._needed.setdefault(blob.digest, set()).add(blob.role)
        wanted = copy.wanted_of(cards)
        self._healed = set(self._needed)
        return {
            digest: wanted[digest]
            for digest in wanted
            if digest in self._needed and not self._waits(digest)
        }

    def _needs(self, card: Card) -> Iterator[Blob]:
        copy_here = self._here[card.id]
        for blob in card.blobs:
            objects = self._objects_of(blob.role)
            if objects is not None:
                here = self._has(objects, blob)
            elif blob.role == "code":
                here = self._has_commit(card.commit)
            else:
                here = copy_here.there and blob.digest not in copy_here.lacking
            if not here:
                yield blob

    def _has(self, objects: ObjectStore, blob: Blob) -> bool:
        if not objects.has(blob.digest):
            return False
        right = objects.path(blob.digest).stat().st_size == blob.size
        if right and (not self._thorough or objects.verify(blob.digest)):
            return True
        self._damaged.add(blob.digest)
        return False

    def _waits(self, digest: str) -> bool:
        """Whether the bytes wait here, whole, from a copy that was cut off; what becomes an object
        does not wait.
        """
        if any(self._objects_of(role) for role in self._needed[digest]):
            return False
        with layout.trouble("looking for parts of an earlier copy"):
            try:
                path = self._own.partial(digest)
                # gc takes what has not been touched for long.
                os.utime(path)
                return canon.digest_file(path) == digest
            except FileNotFoundError:
                return False

    def _objects_of(self, role: str) -> ObjectStore | None:
        return self._shared if role in _SHARED else self._own if role == "spec" else None

    def begin(self, cards: Sequence[Card], wanted: Mapping[str, int]) -> Mapping[str, int]:
        """Looks for room, and for what a copy that was cut off left."""
        # What waits is copied once more into the run, and removed at the very end.
        made = sum(
            blob.size
            for card in cards
            for blob in card.of("run", "outputs")
            if blob.digest in self._needed
        )
        need = sum(wanted.values()) + made
        with layout.trouble("looking for room"):
            free = shutil.disk_usage(self._runs.root).free
            begun = {
                digest: have
                for digest, size in wanted.items()
                if (have := self._begun(digest, size))
            }
        if need + _ROOM > free:
            raise StoreError(
                f"the runs need {need} bytes and the disk has {free} free",
                next_step="free some space, or leave parts out (--with)",
            )
        return begun

    def _begun(self, digest: str, size: int) -> int:
        """How many bytes a copy may continue after; a whole file of other bytes (it would not be
        wanted else) is not a beginning.
        """
        try:
            have = os.stat(self._waiting(digest).partial(digest)).st_size
        except FileNotFoundError:
            return 0
        return have if have < size else 0

    def _waiting(self, digest: str) -> ObjectStore:
        """Where a blob waits."""
        return self._shared if self._needed[digest] <= _SHARED else self._own

    def put(self, digest: str, size: int, stream: Readable, offset: int = 0) -> None:
        """Takes a blob; it waits in `tmp/` until it is whole, and is an object or ready to be part
        of a run then.
        """
        homes = list(
            {objects for role in self._needed[digest] if (objects := self._objects_of(role))}
        )
        stays = bool(self._needed[digest] - _SHARED - {"spec"})
        with self._waiting(digest).claimed(digest) as path, layout.trouble(f"writing {digest}"):
            brought = digest not in self._damaged and all(one.has(digest) for one in homes)
            if brought and not stays:
                # Another import, into another project, has just brought it to the shared store.
                path.unlink()
                return
            try:
                written = _write(path, size, stream, offset) or canon.digest_file(path)
                for number, objects in enumerate(homes, 1):
                    objects.put_file(
                        path,
                        expect=digest,
                        move=number == len(homes) and not stays,
                        hashed=written,
                    )
                if not homes and written != digest:
                    raise HashMismatch(
                        "the received data does not match its digest",
                        why=f"announced: {digest}",
                    )
            except HashMismatch:
                path.unlink(missing_ok=True)
                raise

    def publish(self, card: Card) -> Outcome:
        """Checks a run against its own record and makes it visible; a run that is here gets what it
        lacks and what is damaged.
        """
        here = self._here[card.id]
        where = self._own.partial
        checked = (
            None if here.there else arrival_check.check(card, where, outside_links=self._outside)
        )
        if card.pack is not None and not self._has_commit(card.commit):
            self._take_code(card, {blob.digest: where(blob.digest) for blob in card.of("code")})
        outcome: Outcome = "new"
        if checked is None:
            changed = here.complete(where, outside_links=self._outside)
            outcome = "completed" if changed or self._healed & _digests(card) else "known"
        image = (checked.record if checked else self._runs.record(card.id)[0]).intent.image
        for key, value in arrival_check.facts(card, image.config).items():
            self._own.remember(key, value)
        if checked is not None:
            with layout.trouble(f"publishing run {card.id}"):
                self._publish(card, checked)
                said = [where(one.digest).read_bytes() for one in _annotations(card)]
                annotation_log.merge(self._runs.root, card.id, said)
        return outcome

    def _publish(self, card: Card, checked: arrival_check.Checked) -> None:
        made = self._runs.root / "tmp" / f"{_MADE}{card.id}-{os.urandom(4).hex()}"
        made.mkdir(mode=0o700)
        said = set(_annotations(card))
        try:
            for member in card.members:
                if member in said:
                    continue
                files.make_dir((made / member.name).parent)
                came = self._own.partial(member.digest)
                if member.name in run_documents.NAMES:
                    short = run_documents.kept(self._runs.root, member.name, came.read_bytes())
                    (made / member.name).write_bytes(short)
                else:
                    shutil.copyfile(came, made / member.name)
                os.chmod(made / member.name, 0o600)
            if checked.with_outputs:
                output_tree.write(made / "outputs", checked.outputs, self._own.partial)
            record = (made / run_documents.RECORD).read_bytes()
            own = canon.digest_bytes(record)
            (made / "record.sha256").write_bytes(run_documents.seal_of(card.record, own))
            self._arrived = (self._arrived or self._runs.index.last_arrival()) + 1
            (made / ARRIVAL).write_text(f"{self._arrived}\n")
            files.sync_filesystem(made)
            if self._runs.is_removed(card.id):
                # Another run of this id, which was removed, makes room.
                self._runs.purge(card.id, math.inf)
            heads.append(self._runs.root, card.id, "record", card.record, own)
            os.rename(made, self._runs.folder / card.id)
            files.fsync_dir(self._runs.folder)
        except BaseException:
            # What went wrong first is what the user has to know; the next import removes what is
            # left.
            with contextlib.suppress(OSError):
                fd_trees.remove(made)
            raise

    def finish(self) -> None:
        """Nothing that waited is needed any more."""
        with layout.trouble("clearing what waited"):
            waiting = self._runs.root / "tmp"
            for name in os.listdir(waiting):
                if name.removeprefix("partial-") in self._all:
                    (waiting / name).unlink(missing_ok=True)


def _annotations(card: Card) -> list[Member]:
    return [one for one in card.members if one.name.startswith(f"{annotation_log.FOLDER}/")]


def _digests(card: Card) -> set[str]:
    return {blob.digest for blob in card.blobs}


def _write(path: Path, size: int, stream: Readable, offset: int) -> Digest | None:
    """Writes a stream into a file, from an offset on; its digest where all of it was written here.

    Raises:
        HashMismatch: the file has no beginning of that length.
    """
    hasher = Hashing()
    with path.open("r+b") as target:
        if target.seek(0, os.SEEK_END) < offset:
            raise HashMismatch("the part that an earlier copy left is gone")
        target.truncate(offset)
        target.seek(offset)
        left = size - offset
        while left and (chunk := stream.read(min(_CHUNK, left))):
            hasher.update(chunk)
            target.write(chunk)
            left -= len(chunk)
    return None if offset else Digest(f"sha256:{hasher.hexdigest()}")
