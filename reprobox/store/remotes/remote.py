"""A store elsewhere: cards and blobs as plain files under fixed names, in a directory, a bucket, or
behind SSH.

reprobox-remote          the format, `reprobox.remote/1` blobs/ab/cdef...         bytes by their
sha256, as they are, so that `sha256sum` checks them runs/<id>.json           the card of a run;
written last, so whatever it names is there tmp/                     what is being written; what a
push that died left there, a later push removes
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import IO, Protocol

from reprobox.errors import (
    BundleRefused,
    HashMismatch,
    NewerFormat,
    ReproboxError,
    RunAmbiguous,
    RunNotFound,
    StoreDamaged,
    StoreError,
    UsageError,
)
from reprobox.kit import canon, files
from reprobox.model import codec
from reprobox.store import layout
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Card, Member, Readable, refused

FORMAT = "reprobox.remote/1"
_MARK = "reprobox-remote"
_CHUNK = 1 << 20
_LARGEST_CARD = 256 << 20
_LARGEST_MARK = 200
UNFINISHED = "tmp"
"""The folder of a place for files that are being written."""
DEAD_AFTER = 7 * 24 * 3600.0
"""Seconds without a change after which such a file has no writer any more."""
_SCHEME = re.compile(r"([a-z][a-z0-9+]*)://")


class Place(Protocol):
    """Named bytes somewhere. Names are `/`-separated and of harmless characters only. Faults are
    told as StoreError.
    """

    url: str

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """The size in bytes of each name that is there."""

    def names(self, folder: str) -> list[str]:
        """Names directly in a folder, without the folder; none when it is not there."""

    def read(self, name: str, offset: int = 0, *, most: int) -> AbstractContextManager[Readable]:
        """Bytes from an offset on. Raises StoreError when absent.

        Args:
            most: bytes that are wanted at most; what is there may be larger than anybody said.
        """

    def write(self, name: str, stream: Readable) -> None:
        """Writes whole or not at all; an exception of the stream comes out as it is, and nothing is
        there then.
        """

    def clear(self) -> None:
        """Removes what writers that died have left unfinished."""

    def close(self) -> None:
        """Lets go of connections."""


@contextlib.contextmanager
def open_remote(url: str) -> Iterator[Remote]:
    """Opens a store elsewhere; `s3` and `ssh` need `reprobox[s3]` and `reprobox[ssh]`.

    Raises:
        UsageError: the address is of no kind that is known.
        StoreError: it cannot be reached.
    """
    place = _place(url)
    try:
        yield Remote(place)
    finally:
        place.close()


def _place(url: str) -> Place:
    match = _SCHEME.match(url)
    scheme = match[1] if match else "file"
    if scheme == "file":
        return Directory(Path(url.removeprefix("file://")))
    if scheme == "s3":
        from reprobox.store.remotes.s3 import Bucket

        return Bucket(url)
    if scheme in ("ssh", "sftp"):
        from reprobox.store.remotes.ssh import Sftp

        return Sftp(url)
    raise UsageError(
        f"{url} is no address of a store",
        next_step="write a directory, s3://bucket/prefix or ssh://user@host/path",
    )


class Directory:
    """A directory of this machine, or one that is mounted."""

    def __init__(self, top: Path) -> None:
        self.top = top.absolute()
        self.url = str(self.top)

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """As Place."""
        found = {}
        with layout.trouble(f"looking into {self.url}"):
            for name in names:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    found[name] = os.stat(self.top / name).st_size
        return found

    def names(self, folder: str) -> list[str]:
        """As Place."""
        with layout.trouble(f"listing {self.url}"):
            try:
                return sorted(os.listdir(self.top / folder))
            except FileNotFoundError:
                return []

    @contextlib.contextmanager
    def read(self, name: str, offset: int = 0, *, most: int) -> Iterator[Readable]:
        """As Place."""
        with contextlib.ExitStack() as stack:
            try:
                with layout.trouble(f"reading {name} in {self.url}"):
                    file = stack.enter_context((self.top / name).open("rb"))
            except FileNotFoundError as fault:
                raise gone(self.url, name) from fault
            file.seek(offset)
            yield copy.Told(file, f"{name} in {self.url}")

    def write(self, name: str, stream: Readable) -> None:
        """As Place."""
        path = self.top / name
        with layout.trouble(f"writing to {self.url}"):
            files.make_dir(path.parent)
            files.make_dir(self.top / UNFINISHED)
            temp = files.temp_beside(self.top / UNFINISHED)
            try:
                with temp.open("xb") as file:
                    _pour(stream, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temp, path)
                files.fsync_dir(path.parent)
            finally:
                temp.unlink(missing_ok=True)

    def clear(self) -> None:
        """As Place. By age only: locks do not reach every machine that may have this directory
        mounted.
        """
        with layout.trouble(f"clearing {self.url}"), contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.top / UNFINISHED):
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > DEAD_AFTER:
                        os.unlink(entry)

    def close(self) -> None:
        """Nothing is held."""


def _pour(stream: Readable, target: IO[bytes]) -> None:
    while chunk := stream.read(_CHUNK):
        target.write(chunk)


def gone(url: str, name: str) -> StoreError:
    """A name that should be there is not."""
    return StoreError(f"{name} is not in {url}", next_step="push the run there again")


class _Checked:
    """A stream that fails at its end when its bytes are not what their digest says, before a place
    makes them visible.
    """

    def __init__(self, stream: Readable, digest: str, size: int) -> None:
        self._stream, self._digest, self._left = stream, digest, size
        self._hash = hashlib.sha256()
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer."""
        want = self._left + 1 if size < 0 else min(size, self._left + 1)
        data = self._stream.read(min(want, _CHUNK) if size < 0 else want)
        self._hash.update(data)
        self._left -= len(data)
        if self._left < 0 or (not data and want and not self._ended):
            self._ended = True
            if self._left or f"sha256:{self._hash.hexdigest()}" != self._digest:
                raise HashMismatch(f"the bytes of {self._digest} are others")
        return data


class Remote:
    """A place as both ends of a copy (`reprobox.store.copy.Stock` and, by `choose`, `Supply`)."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._there: dict[str, Card] = {}

    def _check_format(self) -> bool:
        """Whether anything is there; refuses what a newer reprobox wrote."""
        if not self._place.sizes([_MARK]):
            return False
        found = self._small(_MARK, _LARGEST_MARK).decode("ascii", "replace").strip()
        if found != FORMAT:
            raise NewerFormat(
                f"{self._place.url} has format {found[:60]!r}, this reprobox reads {FORMAT!r}",
                next_step="upgrade reprobox",
            )
        return True

    def choose(self, references: Sequence[str]) -> Chosen:
        """Some of the runs there as a supply: by id or unique prefix; all without a reference.

        Raises:
            RunNotFound, RunAmbiguous: for the references.
        """
        if not self._check_format():
            raise StoreError(
                f"there is no store at {self._place.url}", next_step="`reprobox push` makes one"
            )
        ids = sorted(
            name.removesuffix(".json")
            for name in self._place.names("runs")
            if name.endswith(".json")
        )
        wanted = (
            dict.fromkeys(one for reference in references for one in [_one(reference, ids)])
            if references
            else dict.fromkeys(ids)
        )
        return Chosen(self._place, [self._card(run_id) for run_id in wanted])

    def _card(self, run_id: str) -> Card:
        data = self._small(f"runs/{run_id}.json", _LARGEST_CARD)
        card = codec.decode(Card, data, where=f"the card of {run_id}", error=BundleRefused)
        if card.id != run_id:
            raise refused(f"the card of {run_id} is about {card.id}")
        copy.check_cards([card])
        return card

    def _small(self, name: str, largest: int) -> bytes:
        """All of a document, of which no more than a byte too many is ever read."""
        left, parts = largest + 1, []
        with self._place.read(name, most=left) as stream:
            while left and (chunk := stream.read(min(_CHUNK, left))):
                parts.append(chunk)
                left -= len(chunk)
        if not left:
            raise refused(f"{name} in {self._place.url} is larger than {largest} bytes")
        return b"".join(parts)

    def missing(self, cards: Sequence[Card]) -> Mapping[str, int]:
        """What is not there; refuses a run that is there and differs."""
        self._check_format()
        known = self._place.sizes([f"runs/{card.id}.json" for card in cards])
        for card in cards:
            if f"runs/{card.id}.json" in known:
                self._there[card.id] = there = self._card(card.id)
                if there.record != card.record:
                    raise BundleRefused(
                        f"there is another run {card.id} at {self._place.url}, so nothing was sent",
                        why=f"The record there is {there.record}, ours is {card.record}.",
                        next_step="one of them was forged or damaged: `reprobox verify` tells "
                        "whether ours is whole",
                    )
        wanted = copy.wanted_of(cards)
        sizes = self._place.sizes([name_of(digest) for digest in wanted])
        return {
            digest: size for digest, size in wanted.items() if sizes.get(name_of(digest)) != size
        }

    def begin(self, cards: Sequence[Card], wanted: Mapping[str, int]) -> Mapping[str, int]:
        """Marks the place as a store, and removes what a push that died left long ago."""
        self._place.clear()
        if not self._place.sizes([_MARK]):
            self._write(_MARK, f"{FORMAT}\n".encode("ascii"))
        return {}

    def put(self, digest: str, size: int, stream: Readable, offset: int = 0) -> None:
        """Sends a blob, always from its begin; it is visible there only when all its bytes have
        passed and are the right ones.
        """
        self._place.write(name_of(digest), _Checked(stream, digest, size))

    def publish(self, card: Card) -> bool:
        """Writes the card; where one is, what is new in ours is added to it."""
        there = self._there.get(card.id)
        merged = card if there is None else merge(there, card)
        if merged != there:
            self._write(f"runs/{card.id}.json", codec.encode(merged))
        return there is None

    def _write(self, name: str, data: bytes) -> None:
        import io

        self._place.write(name, io.BytesIO(data))

    def finish(self) -> None:
        """Every run is visible already."""


class Chosen:
    """Runs of a place as a supply."""

    again = True

    def __init__(self, place: Place, cards: Sequence[Card]) -> None:
        self._place, self._cards = place, cards

    def cards(self) -> Sequence[Card]:
        """The cards."""
        return self._cards

    def blobs(self, wanted: Mapping[str, int]) -> Iterator[tuple[str, Readable]]:
        """One after another."""
        sizes = copy.wanted_of(self._cards)
        for digest, offset in wanted.items():
            with self._place.read(name_of(digest), offset, most=sizes[digest] - offset) as stream:
                yield digest, stream

    def mismatch(self, digest: str) -> ReproboxError:
        """The place has damaged bytes, or they were cut off on the way."""
        return StoreDamaged(
            f"the bytes of {digest} in {self._place.url} are others, or broke off; no run was "
            "published",
            next_step="pull again; if it stays, delete that file there and push the run again",
        )


def name_of(digest: str) -> str:
    """Where a blob is."""
    hexadecimal = canon.hex_of(digest)
    return f"blobs/{hexadecimal[:2]}/{hexadecimal[2:]}"


def _one(reference: str, ids: Iterable[str]) -> str:
    found = [run_id for run_id in ids if run_id.startswith(reference)]
    if reference in found:
        return reference
    if not found:
        raise RunNotFound(
            f"there is no run {reference!r} there", next_step="pull without a name gets all of them"
        )
    if len(found) > 1:
        raise RunAmbiguous(
            f"{reference!r} means more than one run there",
            why="\n".join(found[:10]),
            next_step="give more of the id",
        )
    return found[0]


def merge(there: Card, ours: Card) -> Card:
    """One card with what both have; verdicts and statements keep their numbers there, new ones come
    after.
    """
    members = list(there.members)
    for folder in copy.FOLDERS:
        known = {member.digest for member in there.members if member.name.startswith(f"{folder}/")}
        numbers = itertools.count(
            1 + sum(1 for member in there.members if member.name.startswith(f"{folder}/"))
        )
        new = [
            member.digest
            for member in ours.members
            if member.name.startswith(f"{folder}/") and member.digest not in known
        ]
        members += [
            Member(name=f"{folder}/{next(numbers):04d}.json", digest=digest) for digest in new
        ]
    digests = {member.digest for member in members}
    blobs = {
        blob for blob in (*there.blobs, *ours.blobs) if blob.role != "run" or blob.digest in digests
    }
    return replace(
        there,
        members=tuple(members),
        blobs=copy.in_order(blobs),
        pack=there.pack or ours.pack,
        memos={**ours.memos, **there.memos},
    )
