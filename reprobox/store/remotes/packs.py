"""Many small blobs of a run in one file of a remote store, with the list of what is in it.

A file costs a store several round trips and a sync, however small it is: 20,000 small outputs as
files of their own took 37 times `cp -r`. A pack belongs to one run, so that a run can be deleted
from a store; the digest of each blob is checked where it arrives, as that of a file of its own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from reprobox.errors import BundleRefused, HashMismatch, ReproboxError
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.store.remotes.base import Place
from reprobox.store.transfer.copy import Card, Readable

SMALL = 128 << 10
"""Bytes: larger blobs are files of their own."""
MANY = 64
"""Small blobs of a run that are worth a pack."""
_FULL = 32 << 20
"""Bytes of a pack, more or less; a pack is in memory while it is filled."""
_MOST = 64 << 20
"""Bytes of all packs that are being filled."""
_GAP = 1 << 20
"""Bytes that are rather read and dropped than skipped by opening the file again."""
FOLDER = "packs"


@dataclass(frozen=True, kw_only=True)
class PackList:
    """What is in a pack: digest and size of each blob, end to end from its first byte."""

    FORMAT: ClassVar[str] = "reprobox.pack/1"

    format: str = FORMAT
    blobs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Spot:
    """Where a blob is: a file of the store, and the first byte in it."""

    name: str
    offset: int


class Packer:
    """Packs that are being filled, by run."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._filling: dict[str, dict[str, bytes]] = {}
        self._size: dict[str, int] = {}

    def add(self, run_id: str, digest: str, data: bytes) -> None:
        """Adds a blob whose digest was checked; it is in the store after `flush` at the latest."""
        blobs = self._filling.setdefault(run_id, {})
        if digest not in blobs:
            blobs[digest] = data
            self._size[run_id] = self._size.get(run_id, 0) + len(data)
        if self._size[run_id] > _FULL or sum(self._size.values()) > _MOST:
            self._write(max(self._size, key=self._size.__getitem__))

    def flush(self) -> None:
        """Writes what has been added."""
        for run_id in list(self._filling):
            self._write(run_id)

    def _write(self, run_id: str) -> None:
        blobs = self._filling.pop(run_id)
        del self._size[run_id]
        data = b"".join(blobs.values())
        name = f"{FOLDER}/{run_id}.{canon.hex_of(canon.digest_bytes(data))}"
        listed = PackList(blobs=tuple((digest, len(part)) for digest, part in blobs.items()))
        self._place.write(f"{name}.pack", io.BytesIO(data))
        # The list last: where it is, the pack is whole.
        self._place.write(f"{name}.json", io.BytesIO(codec.encode(listed)))


def checked_bytes(digest: str, size: int, stream: Readable) -> bytes:
    """All bytes of a small blob. Raises HashMismatch when they are not the digest's."""
    parts, left = [], size + 1
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    data = b"".join(parts)
    if len(data) != size or canon.digest_bytes(data) != digest:
        raise HashMismatch(f"digest mismatch for {digest}")
    return data


def found(
    place: Place, run_id: str, names: Sequence[str], document: Mapping[str, bytes]
) -> Iterator[tuple[str, int, Spot]]:
    """Digest, size and spot of each blob in a run's packs; a list that is not one is passed over,
    and so is a pack that is not as long as its list says.

    Args:
        names: in the folder of packs.
        document: the bytes of each list, by name.
    """
    for name in names:
        if not name.startswith(f"{run_id}.") or name not in document:
            continue
        pack = f"{FOLDER}/{name.removesuffix('.json')}.pack"
        try:
            listed = codec.decode(PackList, document[name], where=name, error=BundleRefused).blobs
        except ReproboxError:
            continue
        sizes = [size for _, size in listed]
        if min(sizes, default=-1) < 0 or place.sizes([pack]).get(pack) != sum(sizes):
            continue
        offset = 0
        for digest, size in listed:
            if canon.is_digest(digest):
                yield digest, size, Spot(pack, offset)
            offset += size


def give_up(place: Place, pack: str) -> None:
    """Empties the list of a damaged pack, so that its blobs are looked for elsewhere."""
    place.write(f"{pack.removesuffix('.pack')}.json", io.BytesIO(codec.encode(PackList(blobs=()))))


class Part:
    """So many bytes of a stream."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream, self.left = stream, size

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(data)
        return data

    def skip(self, count: int) -> bool:
        """Drops bytes; False when the stream ended before."""
        while count and (data := self.read(min(count, _GAP))):
            count -= len(data)
        return not count


def read(
    place: Place, name: str, wanted: Sequence[tuple[int, int, str]]
) -> Iterator[tuple[str, Readable]]:
    """Digest and stream of blobs of one pack, in the order of their places.

    Args:
        wanted: where each begins, how many bytes of it are wanted, and its digest.
    """
    waiting = sorted(wanted)
    while waiting:
        run = _near(waiting)
        waiting = waiting[len(run) :]
        at = run[0][0]
        end = max(offset + size for offset, size, _ in run)
        with place.read(name, at, most=end - at) as stream:
            for offset, size, digest in run:
                if not Part(stream, offset - at).skip(offset - at):
                    return
                part = Part(stream, size)
                yield digest, part
                part.skip(part.left)
                at = offset + size


def _near(waiting: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The first ones that follow each other without a large gap."""
    found = [waiting[0]]
    for item in waiting[1:]:
        gap = item[0] - (found[-1][0] + found[-1][1])
        if not 0 <= gap <= _GAP:
            break
        found.append(item)
    return found


def belongs(card: Card) -> bool:
    """Whether a card has so many small blobs that they may be in packs."""
    return sum(1 for blob in card.blobs if blob.size <= SMALL) >= MANY
