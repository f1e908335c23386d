"""One copy of runs from one end to another: what export, import, push and pull all are.

A run is described by a card; everything that a card needs is a blob, named by its digest. Blobs go
first, each verified where it arrives, and runs are published last, originals before their replays;
so whatever ends a copy leaves whole blobs, no run that is half there, and a second copy that sends
only what is still missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import IO, Any, ClassVar, Literal, Protocol, get_args

from reprobox.errors import BundleRefused, HashMismatch, ReproboxError, StoreDamaged, StoreError
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.kit.units import counted
from reprobox.model.ports import Bar, Progress
from reprobox.store import annotation_log, layout, run_ids

Role = Literal["run", "spec", "code", "inputs", "outputs", "lock", "image"]
"""What a blob is for. `run`: files of the run's directory; `spec`: config, lock and injected
runtime; `code`: the commit.
"""
ROLES: tuple[Role, ...] = get_args(Role)
FOLDERS = ("verdicts", "statements", "addresses", annotation_log.FOLDER)
"""Directories of a run whose numbered files grow after the record was written. Annotations have one
only while they travel; in a store they are lines of its log.
"""
_OURS = (
    "lock",
    "record.sha256",
    "started.json",
    "stopped",
    "exported.jsonl",
    "outputs",
    "work",
    "box",
    "out",
    "etc",
    *FOLDERS,
)
"""Names in a run's directory that no card may give: files of this machine, and directories (gc
clears the scratch ones).
"""
_FILE = regex(rf"(?i:(?!(?:{'|'.join(map(re.escape, _OURS))})$))[A-Za-z0-9][A-Za-z0-9._-]{{0,99}}")
_NUMBERED = regex(rf"({'|'.join(FOLDERS)})/\d{{4,9}}\.json")
MAX_BLOBS = 2_000_000
MAX_MEMO = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Bytes by digest, with their size in bytes and what they are for."""

    digest: str
    size: int
    role: Role


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file of a run's directory, besides the outputs."""

    name: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """A run as it travels."""

    FORMAT: ClassVar[str] = "reprobox.card/1"

    format: str = FORMAT
    id: str
    record: str
    """Digest of record.json."""
    replay_of: str | None = None
    commit: str
    pack: str | None = None
    """Digest of the git pack with the commit; None when code does not travel."""
    members: tuple[Member, ...]
    blobs: tuple[Blob, ...]
    """Everything that travels with the run, sorted by role and digest."""
    memos: dict[str, Any] = field(default_factory=dict)
    """Derived facts by which an image is composed without an engine; believed for this project's
    replays only.
    """

    def of(self, *roles: Role) -> tuple[Blob, ...]:
        """The blobs of some roles."""
        return tuple(blob for blob in self.blobs if blob.role in roles)


class Readable(Protocol):
    """Bytes to read."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer; empty at the end."""


class Origin(Protocol):
    """Where runs come from."""

    again: bool
    """Whether a blob may be asked for a second time. A copy continues inside of a blob only then: a
    beginning that was left by a copy before may have rotted, or hold zeros after a power cut, and
    is known to be good only together with the rest.
    """

    def cards(self) -> Sequence[Card]:
        """The runs on offer. Raises BundleRefused where they cannot be trusted."""

    def blobs(self, wanted: Mapping[str, int]) -> Iterator[tuple[str, Readable]]:
        """Digest and stream of each wanted blob, in an order of its own; a stream is read before
        the next is asked for.

        Once exhausted, everything that came has been checked as far as this end can.

        Args:
            wanted: digest to how many bytes of it are at the other end already; the stream begins
                there.
        """

    def mismatch(self, digest: str) -> ReproboxError:
        """What it means here that bytes are not what their digest says."""


Outcome = Literal["new", "known", "completed"]
"""What publishing a run meant at the other end: it was not there; it was there with everything; it
was there and got what it lacked, or what was damaged.
"""


class Destination(Protocol):
    """Where runs go."""

    def missing(self, cards: Sequence[Card]) -> Mapping[str, int]:
        """Digest and size of each blob that is not here yet. Raises BundleRefused when a run is
        here and differs.
        """

    def begin(self, cards: Sequence[Card], wanted: Mapping[str, int]) -> Mapping[str, int]:
        """Called once, before the first blob; digest to how many of its bytes a copy that was cut
        off left here.
        """

    def put(self, digest: str, size: int, stream: Readable, offset: int = 0) -> None:
        """Takes a blob, durably. Raises HashMismatch when the digest differs; nothing is kept
        then.

        Args:
            size: bytes of the whole blob.
            offset: where in the blob the stream begins; what `begin` said, or 0.
        """

    def publish(self, card: Card) -> Outcome:
        """Makes a run visible, when all its blobs are here."""

    def finish(self) -> None:
        """Called once, after the last run."""


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What a copy did."""

    published: tuple[str, ...]
    """Runs that are new at the other end."""
    known: tuple[str, ...]
    """Runs that were there."""
    completed: tuple[str, ...] = ()
    """Of these, the ones that got what they lacked or what was damaged."""
    blobs: int
    size: int
    """Bytes sent (before compression)."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a copy would send."""

    cards: tuple[Card, ...]
    wanted: Mapping[str, int]
    """Digest to size, of what the other end does not have."""

    @property
    def size(self) -> int:
        """Bytes to send, before compression."""
        return sum(self.wanted.values())

    def by_role(self) -> dict[str, int]:
        """Bytes to send for each role; what has two roles counts for the first."""
        found = dict.fromkeys(ROLES, 0)
        seen: set[str] = set()
        for blob in sorted((blob for card in self.cards for blob in card.blobs), key=_order):
            if blob.digest in self.wanted and blob.digest not in seen:
                seen.add(blob.digest)
                found[blob.role] += blob.size
        return {role: size for role, size in found.items() if size}


def plan(origin: Origin, destination: Destination) -> Plan:
    """What a copy would send.

    Raises:
        BundleRefused: the origin cannot be trusted, or a run is at the other end and differs.
    """
    cards = tuple(origin.cards())
    check_cards(cards)
    return Plan(cards=cards, wanted=destination.missing(cards))


def copy(planned: Plan, origin: Origin, destination: Destination, progress: Progress) -> Copied:
    """Sends what is missing and publishes the runs.

    Raises:
        BundleRefused: what came is not what was announced; no run is published.
        StoreDamaged: our own bytes are not what they were; likewise.
        StoreError: one of the ends failed; a second copy continues from there.
    """
    there = destination.begin(planned.cards, planned.wanted)
    offsets = {digest: there.get(digest, 0) if origin.again else 0 for digest in planned.wanted}
    with progress.task(f"copying {counted(len(planned.cards), 'run')}", planned.size) as bar:
        if rotten := _send(planned, origin, destination, offsets, bar):
            _send(planned, origin, destination, dict.fromkeys(rotten, 0), bar)
    states = {card.id: destination.publish(card) for card in _parents_first(planned.cards)}
    destination.finish()
    return Copied(
        published=tuple(run for run, state in states.items() if state == "new"),
        known=tuple(run for run, state in states.items() if state != "new"),
        completed=tuple(run for run, state in states.items() if state == "completed"),
        blobs=len(planned.wanted),
        size=planned.size,
    )


def _send(
    planned: Plan, origin: Origin, destination: Destination, offsets: Mapping[str, int], bar: Bar
) -> list[str]:
    """Sends blobs, each from its offset on; gives those whose beginning, which was at the other
    end, is not good.
    """
    left, rotten = set(offsets), []
    for digest, stream in origin.blobs(offsets):
        left.remove(digest)
        try:
            destination.put(digest, planned.wanted[digest], _Watched(stream, bar), offsets[digest])
        except HashMismatch as fault:
            if not offsets[digest]:
                raise origin.mismatch(digest) from fault
            rotten.append(digest)
    if left:
        raise BundleRefused(
            f"{counted(len(left), 'blob')} missing where the runs come from",
            why="\n".join(sorted(left)[:5]),
        )
    return rotten


class _Watched:
    """Moves a bar by what is read."""

    def __init__(self, stream: Readable, bar: Bar) -> None:
        self._stream, self._bar = stream, bar

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._bar.update(len(data))
        return data


def _parents_first(cards: Iterable[Card]) -> list[Card]:
    """An original before its replays; ids begin with the time of creation."""
    return sorted(cards, key=lambda card: card.id)


def _order(blob: Blob) -> tuple[int, str]:
    return ROLES.index(blob.role), blob.digest


def in_order(blobs: Iterable[Blob]) -> tuple[Blob, ...]:
    """Blobs as a card lists them: each once for a role, small things of the record first."""
    return tuple(sorted(set(blobs), key=_order))


def check_cards(cards: Sequence[Card]) -> None:
    """Holds cards from elsewhere against the rules, before anything is made of them.

    Raises:
        BundleRefused: a name that is not a file of a run, a run twice, a digest with two sizes, too
            many blobs.
    """
    if len({card.id for card in cards}) != len(cards):
        raise refused("it names a run twice")
    sizes: dict[str, int] = {}
    for card in cards:
        _check_names(card)
        _check_blobs(card, sizes)
    if len(sizes) > MAX_BLOBS:
        raise refused(f"it names more than {MAX_BLOBS} blobs")


def _check_names(card: Card) -> None:
    if not run_ids.is_id(card.id) or not canon.is_digest(card.record):
        raise refused(f"it names a run {card.id[:80]!r}, which is not a run id")
    names = [member.name for member in card.members]
    for name in names:
        if not (_FILE.fullmatch(name) or _NUMBERED.fullmatch(name)):
            raise refused(f"run {card.id} names a file {name[:200]!r}, which no run has")
    if len({name.casefold() for name in names}) != len(names):
        raise refused(f"run {card.id} names a file twice")


def _check_blobs(card: Card, sizes: dict[str, int]) -> None:
    for blob in card.blobs:
        if not canon.is_digest(blob.digest) or blob.size < 0:
            raise refused(f"run {card.id} names a blob {blob.digest[:80]!r}, which is not a digest")
        if sizes.setdefault(blob.digest, blob.size) != blob.size:
            raise refused(f"the blob {blob.digest} is named with two sizes")
    if card.blobs != in_order(card.blobs):
        raise refused(f"run {card.id} lists its blobs twice or out of order")
    own = {blob.digest for blob in card.of("run")}
    if own != {member.digest for member in card.members}:
        raise refused(f"run {card.id} lists files without bytes, or bytes without a file")
    if card.pack is not None and card.pack not in {blob.digest for blob in card.of("code")}:
        raise refused(f"run {card.id} names a pack that does not travel")
    if len(canon.canonical(card.memos)) > MAX_MEMO:
        raise refused(f"run {card.id} brings more than {MAX_MEMO} bytes of derived facts")


def refused(why: str) -> BundleRefused:
    """Runs from elsewhere that break a rule."""
    return BundleRefused(
        "what came from elsewhere is not as reprobox writes it, so nothing of it was published",
        why=why,
        next_step="get it again from where it comes; if that does not help, export it again there",
    )


Opener = Callable[[], IO[bytes]]


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A run that is ready to go: its card, and how to read each blob."""

    card: Card
    openers: Mapping[str, Opener]


class Named:
    """A stream whose errors are reported as those of reading it, not of what is done with the
    bytes.
    """

    def __init__(self, stream: Readable, what: str) -> None:
        self._stream, self._what = stream, what

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer."""
        with layout.trouble(f"reading {self._what}"):
            return self._stream.read(size)


class Parcels:
    """Parcels as an origin."""

    again = True

    def __init__(self, parcels: Sequence[Parcel]) -> None:
        self._cards = [parcel.card for parcel in parcels]
        self._openers = {
            digest: opener for parcel in parcels for digest, opener in parcel.openers.items()
        }

    def cards(self) -> Sequence[Card]:
        """The cards."""
        return self._cards

    def blobs(self, wanted: Mapping[str, int]) -> Iterator[tuple[str, Readable]]:
        """In the order asked for.

        Raises:
            StoreError: a file has gone since the card was written.
        """
        for digest, offset in wanted.items():
            try:
                stream = self._openers[digest]()
            except OSError as fault:
                raise StoreError(
                    f"reading {digest} failed",
                    why=str(fault),
                    next_step="see what is missing: reprobox verify --all",
                ) from fault
            with stream:
                stream.seek(offset)
                yield digest, Named(stream, digest)

    def mismatch(self, digest: str) -> ReproboxError:
        """Our own bytes have changed."""
        return StoreDamaged(
            f"{digest} has changed since it was recorded, so it was not sent",
            next_step="`reprobox verify --all` and `reprobox fsck` name what has changed",
        )


def wanted_of(cards: Iterable[Card]) -> dict[str, int]:
    """Every blob of some cards, once, in the order of roles."""
    return {
        blob.digest: blob.size
        for blob in sorted({blob for card in cards for blob in card.blobs}, key=_order)
    }
