"""A place as both ends of a copy: where runs go (push) and where they come from (pull)."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reprobox.errors import (
    BundleRefused,
    HashMismatch,
    NewerFormat,
    ReproboxError,
    RunAmbiguous,
    RunNotFound,
    StoreDamaged,
    StoreError,
)
from reprobox.kit import canon
from reprobox.kit.text import in_a_line, shown
from reprobox.model import codec
from reprobox.store import run_ids
from reprobox.store.remotes import card_merge, packs
from reprobox.store.remotes.base import CHUNK, FORMAT, MARK, NotAFile, Place
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Card, Outcome, Readable, refused

_LARGEST_CARD = 256 << 20
_LARGEST_MARK = 200
_ADDITIONS = "additions"
_FEW = 8
"""Runs whose names in a folder are asked for one run after the other; for more all are listed."""


class _Checked:
    """A stream that fails at its end when its bytes are not what their digest says, before a place
    makes them visible.
    """

    def __init__(self, stream: Readable, digest: str, size: int) -> None:
        self._stream, self._digest, self._left = stream, digest, size
        self._hash = hashlib.sha256()
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        want = self._left + 1 if size < 0 else min(size, self._left + 1)
        data = self._stream.read(min(want, CHUNK) if size < 0 else want)
        self._hash.update(data)
        self._left -= len(data)
        if self._left < 0 or (not data and want and not self._ended):
            self._ended = True
            if self._left or f"sha256:{self._hash.hexdigest()}" != self._digest:
                raise HashMismatch(f"digest mismatch for {self._digest}")
        return data


class RemoteStore:
    """A place as a destination of runs and, by `choose`, as a source of runs."""

    def __init__(self, place: Place, *, reread: bool = False) -> None:
        self._place = place
        self._packer = packs.Packer(place)
        self._reread = reread
        self._packing: dict[str, list[str]] = {}
        """Digest to the runs in whose packs it goes."""
        self._single: set[str] = set()
        """Digests that become files of their own."""
        self._damaged: set[str] = set()
        """Packs there that hold bytes which are not what their list says."""
        self._additions: dict[str, int] = {}
        """How many additions a run had."""
        self._known: dict[str, Card] = {}
        """Runs that were there when the copy was planned."""

    def read_again(self) -> None:
        """From now on what is there counts only after its bytes were read and hashed."""
        self._reread = True

    def _check_format(self) -> bool:
        """Whether a store is there; refuses what a newer reprobox wrote."""
        if not self._place.sizes([MARK]):
            return False
        found = _small(self._place, MARK, _LARGEST_MARK).decode("ascii", "replace").strip()
        if found != FORMAT:
            raise NewerFormat(
                f"{self._place.url} has format {shown(found[:60])}, this reprobox reads {FORMAT}",
                next_step="upgrade reprobox",
            )
        return True

    def choose(self, references: Sequence[str]) -> ChosenRuns:
        """Some of the runs there: by id or unique prefix; without a reference all that can be read.

        Raises:
            RunNotFound, RunAmbiguous: for the references.
            BundleRefused: a run that was named, or every run there, cannot be read.
        """
        if not self._check_format():
            raise StoreError(
                f"there is no store at {self._place.url}",
                next_step="make one: reprobox push latest --to PLACE",
            )
        bases = set(_ids(self._place.names("runs")))
        more = _documents(self._place.names(_ADDITIONS))
        ids = sorted(bases | {name.partition(".")[0] for name in more})
        wanted = list(dict.fromkeys(_one(reference, ids) for reference in references))
        cards: list[Card] = []
        skipped: dict[str, ReproboxError] = {}
        for run_id in wanted or ids:
            try:
                cards.append(self._current(run_id, more, base=run_id in bases))
            except (BundleRefused, NewerFormat, NotAFile) as fault:
                if wanted:
                    raise
                skipped[run_id] = fault
        if skipped and not cards:
            raise next(iter(skipped.values()))
        why = {run_id: in_a_line(fault) for run_id, fault in skipped.items()}
        return ChosenRuns(self._place, cards, why)

    def _current(self, run_id: str, additions: Sequence[str], *, base: bool) -> Card:
        """The card of a run as all pushes together made it.

        Args:
            additions: names in the folder of additions.
            base: whether the run has a card of its own there.

        Raises:
            BundleRefused, NewerFormat: no card can be read.
        """
        names = sorted(name for name in additions if name.startswith(f"{run_id}."))
        there = self._card(run_id, f"runs/{run_id}.json") if base or not names else None
        for name in names:
            try:
                card = self._card(run_id, f"{_ADDITIONS}/{name}")
            except (BundleRefused, NewerFormat, NotAFile):
                if there is None and name == names[-1]:
                    raise
                continue
            if there is None or card.record == there.record:
                there = card if there is None else card_merge.merge(there, card)
        assert there is not None  # noqa: S101 - either it was read or the last name raised
        return there

    def _card(self, run_id: str, name: str) -> Card:
        data = _small(self._place, name, _LARGEST_CARD)
        card = codec.decode(Card, data, where=f"the card of {run_id}", error=BundleRefused)
        if card.id != run_id:
            raise refused(f"the card of {run_id} is about {card.id}")
        copy.check_cards([card])
        return card

    def missing(self, cards: Sequence[Card]) -> Mapping[str, int]:
        """What is not there; refuses a run that is there and differs."""
        self._check_format()
        self._packing, self._single = {}, set()
        self._known = self._cards_there([card.id for card in cards])
        for card in cards:
            self._refuse_other(card)
        spots = _spots(self._place, [card for card in cards if card.id in self._known])
        wanted = copy.wanted_of(cards)
        in_packs = self._good_in_packs(spots, wanted)
        for card in cards:
            self._plan(card, in_packs.get(card.id, set()), fresh=card.id not in self._known)
        lacking = {*self._single, *self._packing}
        return {digest: size for digest, size in wanted.items() if digest in lacking}

    def _cards_there(self, ids: Sequence[str]) -> dict[str, Card]:
        names = {run_id: f"runs/{run_id}.json" for run_id in ids}
        bases = self._place.sizes(list(names.values()))
        additions = _documents(_of_runs(self._place, _ADDITIONS, ids))
        added = Counter(name.partition(".")[0] for name in additions)
        self._additions |= added
        return {
            run_id: self._current(run_id, additions, base=name in bases)
            for run_id, name in names.items()
            if name in bases or run_id in added
        }

    def _refuse_other(self, card: Card) -> None:
        there = self._known.get(card.id)
        if there is not None and there.record != card.record:
            raise BundleRefused(
                f"there is another run {card.id} at {self._place.url}, so nothing was sent",
                why=f"The record there is {there.record}, ours is {card.record}.",
                next_step=f"one of them was forged or damaged: `reprobox verify {card.id}` checks "
                "ours",
            )

    def _good_in_packs(
        self, spots: Mapping[str, Mapping[str, packs.Spot]], sizes: Mapping[str, int]
    ) -> dict[str, set[str]]:
        """By run, the digests that its packs have; after a look at their bytes where that was asked
        for.
        """
        if not self._reread:
            return {run_id: set(found) for run_id, found in spots.items()}
        good: dict[str, set[str]] = {}
        for run_id, found in spots.items():
            whole = {
                digest
                for digest, stream in _from_packs(self._place, found, sizes)
                if _is_whole(stream, digest, sizes[digest])
            }
            damaged = {spot.name for digest, spot in found.items() if digest not in whole}
            self._damaged |= damaged
            good[run_id] = {one for one in whole if found[one].name not in damaged}
        return good

    def _plan(self, card: Card, in_packs: set[str], *, fresh: bool) -> None:
        """Decides for each blob of a run that is not there how it goes: small ones in a pack, when
        they are many.
        """
        sizes = {blob.digest: blob.size for blob in card.blobs if blob.digest not in in_packs}
        small = {digest for digest, size in sizes.items() if size <= packs.SMALL}
        # Asking for each small blob of a run that was never there costs more than sending it.
        asked = sizes.keys() - small if fresh and len(small) >= packs.MANY else sizes.keys()
        lacking = sizes.keys() - self._there({digest: sizes[digest] for digest in asked})
        packed = small & lacking
        if len(packed) < packs.MANY:
            packed = set()
        for digest in packed:
            self._packing.setdefault(digest, []).append(card.id)
        self._single |= lacking - packed

    def _there(self, sizes: Mapping[str, int]) -> set[str]:
        """The digests that are there as files of their own."""
        found = self._place.sizes([name_of(digest) for digest in sizes])
        right = {digest for digest, size in sizes.items() if found.get(name_of(digest)) == size}
        return {one for one in right if not self._reread or self._whole(one, sizes[one])}

    def _whole(self, digest: str, size: int) -> bool:
        with self._place.read(name_of(digest), most=size) as stream:
            return _is_whole(stream, digest, size)

    def begin(self, cards: Sequence[Card], wanted: Mapping[str, int]) -> Mapping[str, int]:
        """Marks the place as a store, and removes what a push that died left long ago."""
        self._place.clear()
        for pack in self._damaged:
            packs.give_up(self._place, pack)
        if not self._place.sizes([MARK]):
            self._place.write(MARK, io.BytesIO(f"{FORMAT}\n".encode("ascii")))
        return {}

    def put(self, digest: str, size: int, stream: Readable, offset: int = 0) -> None:
        """Sends a blob, always from its begin; it is visible there only when all its bytes have
        passed and are the right ones.
        """
        runs = self._packing.get(digest, ())
        if runs:
            data = packs.checked_bytes(digest, size, stream)
            for run_id in runs:
                self._packer.add(run_id, digest, data)
            stream = io.BytesIO(data)
        if digest in self._single or not runs:
            self._place.write(name_of(digest), _Checked(stream, digest, size))

    def publish(self, card: Card) -> Outcome:
        """Writes the card; where one is, a file with what is new in ours.

        What was there when the copy was planned may be less than what is there now: then the file
        repeats a part of it, and merging drops that.
        """
        self._packer.flush()
        if card.id not in self._known:
            if self._place.create(f"runs/{card.id}.json", codec.encode(card)):
                return "new"
            # Another push was faster, or the place cannot promise that none was.
            self._known |= self._cards_there([card.id])
            self._refuse_other(card)
        there = self._known.get(card.id)
        more = card if there is None else card_merge.addition(there, card)
        if more is not None:
            data = codec.encode(more)
            # Numbered, so that verdicts keep the order in which they came; two pushes at once may
            # take one number, and differ in the digest.
            number = self._additions.get(card.id, 0) + 1
            name = f"{card.id}.{number:04d}-{canon.hex_of(canon.digest_bytes(data))}.json"
            self._place.write(f"{_ADDITIONS}/{name}", io.BytesIO(data))
        return "new" if there is None else "known" if more is None else "completed"

    def finish(self) -> None:
        """Every run is visible already."""


class ChosenRuns:
    """Runs of a place as a source of runs."""

    again = True

    def __init__(self, place: Place, cards: Sequence[Card], skipped: Mapping[str, str]) -> None:
        self._place, self._cards = place, cards
        self.skipped = skipped
        """Runs there that cannot be read, each with why."""

    def cards(self) -> Sequence[Card]:
        return self._cards

    def blobs(self, wanted: Mapping[str, int]) -> Iterator[tuple[str, Readable]]:
        """Those in packs first, pack by pack; then the others, one after another."""
        sizes = copy.wanted_of(self._cards)
        spots: dict[str, packs.Spot] = {}
        for found in _spots(self._place, self._cards).values():
            spots.update({one: spot for one, spot in found.items() if one in wanted})
        yield from _from_packs(self._place, spots, sizes, wanted)
        for digest, offset in wanted.items():
            if digest not in spots:
                most = sizes[digest] - offset
                with self._place.read(name_of(digest), offset, most=most) as stream:
                    yield digest, stream

    def mismatch(self, digest: str) -> ReproboxError:
        """The place has damaged bytes, or they were cut off on the way."""
        return StoreDamaged(
            f"digest mismatch for {digest} in {self._place.url}; no run was published",
            next_step="pull again; if it stays, push the run there again with --check, which "
            "replaces what is damaged",
        )


def _spots(place: Place, cards: Sequence[Card]) -> dict[str, dict[str, packs.Spot]]:
    """By run, where its packs have which blobs; only those of the size that the card says."""
    candidates = [card for card in cards if packs.belongs(card)]
    if not candidates:
        return {}
    names = _of_runs(place, packs.FOLDER, [card.id for card in candidates])
    lists: dict[str, list[str]] = defaultdict(list)
    for name in _documents(names):
        lists[name.partition(".")[0]].append(name)
    spots = {}
    for card in candidates:
        sizes = {blob.digest: blob.size for blob in card.blobs}
        document: dict[str, bytes] = {}
        for name in lists.get(card.id, ()):
            with contextlib.suppress(BundleRefused, StoreError):
                document[name] = _small(place, f"{packs.FOLDER}/{name}", _LARGEST_CARD)
        spots[card.id] = {
            digest: spot
            for digest, size, spot in packs.found(place, card.id, list(document), document)
            if sizes.get(digest) == size
        }
    return spots


def _from_packs(
    place: Place,
    spots: Mapping[str, packs.Spot],
    sizes: Mapping[str, int],
    offsets: Mapping[str, int] | None = None,
) -> Iterator[tuple[str, Readable]]:
    """Digest and stream of blobs in packs, each from an offset on."""
    by_pack: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for digest, spot in spots.items():
        begun = offsets[digest] if offsets else 0
        by_pack[spot.name].append((spot.offset + begun, sizes[digest] - begun, digest))
    for name, wanted in by_pack.items():
        yield from packs.read(place, name, wanted)


def _is_whole(stream: Readable, digest: str, size: int) -> bool:
    """Whether a stream is the bytes of a digest."""
    hasher, left = hashlib.sha256(), size
    while left and (data := stream.read(min(left, CHUNK))):
        hasher.update(data)
        left -= len(data)
    return not left and f"sha256:{hasher.hexdigest()}" == digest


def _small(place: Place, name: str, largest: int) -> bytes:
    """All of a document, of which no more than a byte too many is ever read."""
    left, parts = largest + 1, []
    with place.read(name, most=left) as stream:
        while left and (chunk := stream.read(min(CHUNK, left))):
            parts.append(chunk)
            left -= len(chunk)
    if not left:
        raise refused(f"{name} in {place.url} is larger than {largest} bytes")
    return b"".join(parts)


def _of_runs(place: Place, folder: str, ids: Sequence[str]) -> list[str]:
    """Names in a folder, those of some runs at least."""
    if len(ids) > _FEW:
        return place.names(folder)
    return [name for run_id in ids for name in place.names(folder, f"{run_id}.")]


def _documents(names: Iterable[str]) -> list[str]:
    """The names that a run's addition or list of a pack can have."""
    return [
        name for name in names if name.endswith(".json") and run_ids.is_id(name.partition(".")[0])
    ]


def _ids(names: Iterable[str]) -> list[str]:
    """The ids of the runs that names in `runs/` are cards of; other files there are no runs."""
    ids = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return [run_id for run_id in ids if run_ids.is_id(run_id)]


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
            f"there is no run {shown(reference)} there",
            next_step="pull without a name gets all of them",
        )
    if len(found) > 1:
        raise RunAmbiguous(
            f"{shown(reference)} means more than one run there",
            why="\n".join(found[:10]),
            next_step="give more of the id",
        )
    return found[0]
