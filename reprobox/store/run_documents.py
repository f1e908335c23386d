"""Intent and record as they lie on the disk: small, because what many runs have in common is an
object of the store.

The lock is most of a record, and all runs of an environment have the same. On the disk its digest
stands in its place, and so does that of the list of packages that the container had. A document's
own bytes, its digest and what leaves the store are those of the whole document; a store of 0.1, and
a run that came from elsewhere, have them whole on the disk too.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from reprobox.errors import StoreDamaged, StoreError
from reprobox.kit import canon, files
from reprobox.kit.canon import Digest
from reprobox.model import codec
from reprobox.model.lock import BaseLock, Lock, Python
from reprobox.model.record import Record
from reprobox.store import layout
from reprobox.store.objects import ObjectStore

INTENT, RECORD = "intent.json", "record.json"
NAMES = (INTENT, RECORD)
_Shape = Mapping[str, "_Shape | None"]
_SHARED: Mapping[str, _Shape] = {
    INTENT: {"lock": None},
    RECORD: {"intent": {"lock": None}, "met": {"packages": None}},
}
"""The members of each document that are kept as objects, by the members that they are in."""
_LEAST = 512
"""Bytes of a member that is worth an object."""
_PLAIN = len('"sha256:"') + 64
_REMEMBERED = 16
"""Objects that stay in memory: the runs of a project have few locks."""


def kept(root: Path, name: str, data: bytes) -> bytes:
    """What is written to the disk for a document; its shared members are in the store, durably,
    when this returns.

    Args:
        root: of the store.
        name: `intent.json` or `record.json`.
        data: the whole document.
    """
    objects = ObjectStore(root)

    def put(_: str, member: bytes) -> bytes:
        if len(member) < _LEAST or member[:1] != b"{":
            return member
        return b'"%s"' % objects.put_bytes(member).encode("ascii")

    try:
        short = _changed(data, _SHARED[name], put)
        if short is not data and _whole(root, name, short, name) == data:
            layout.raise_format(root)
            return short
    except StoreError:
        pass  # a full disk, say: the document is whole then, and is what matters
    return data


def read(run: Path, name: str) -> bytes:
    """A whole document of a run.

    Raises:
        FileNotFoundError: the run does not have it.
        StoreDamaged: an object that it names is not here, or is damaged.
    """
    return whole(run, name, (run / name).read_bytes())


def whole(run: Path, name: str, data: bytes) -> bytes:
    """The whole document, from what is on the disk. Raises StoreDamaged as `read`."""
    return _whole(run.parent.parent, name, data, f"{name} of run {run.name}")


def digest(run: Path, name: str) -> Digest:
    """The digest of a whole document; of what is on the disk where it cannot be made whole."""
    data = (run / name).read_bytes()
    try:
        return canon.digest_bytes(whole(run, name, data))
    except StoreDamaged:
        return canon.digest_bytes(data)


def record_of(run: Path, data: bytes) -> Record:
    """The record that a document on the disk is, whose whole was checked against its digest. Runs
    with one lock get one value for it: decoding it takes longer than all the rest.
    """
    root, what = os.path.dirname(os.path.dirname(run)), f"the record of {run.name}"
    locks: list[Digest] = []

    def spare(key: str, member: bytes) -> bytes:
        if (found := _named(member)) is None:
            return member
        if key != "lock":
            return member_of(root, found, what)
        locks.append(found)
        return _SMALLEST

    record = codec.decode_known(Record, _changed(data, _SHARED[RECORD], spare), where=what)
    for found in locks:
        member_of(root, found, what)  # where it is gone, this says whose it is
        # No one else has this value yet; `replace` would take as long as reading it.
        vars(record.intent)["lock"] = _lock(root, found)
    return record


_SMALLEST = codec.encode(
    Lock(
        intent="",
        timestamp=0,
        python=Python(version="", executable=""),
        base=BaseLock(kind="debian", reference=""),
    )
)


@functools.lru_cache(maxsize=_REMEMBERED)
def _lock(root: str, digest: Digest) -> Lock:
    what = f"the lock {digest}"
    return codec.decode_known(Lock, member_of(root, digest, what), where=what)


def forget() -> None:
    """Reads objects anew; in a process that sees them change, as only a test does."""
    _checked.cache_clear()
    _lock.cache_clear()


def seal(digest: str, short: bytes) -> bytes:
    """What is written next to a record: the digest of the whole, and below it that of a document
    that is shorter on the disk, so that a list need not make each whole.
    """
    return seal_of(digest, canon.digest_bytes(short))


def seal_of(digest: str, own: str) -> bytes:
    """`seal`, from the digest of the shorter document."""
    return (f"{digest}\n" if own == digest else f"{digest}\n{own}\n").encode("ascii")


def sealed(written: bytes) -> str:
    """The digest of the whole record, as its seal says it."""
    return written.decode("ascii", "replace").strip().partition("\n")[0]


def unbroken(written: bytes, run: Path | str, short: bytes) -> str | None:
    """The digest of the whole record, where the seal next to it is of what is on the disk; None
    else. Raises StoreDamaged as `read`.
    """
    whole_digest = sealed(written)
    if seal(whole_digest, short) == written:
        return whole_digest
    found = canon.digest_bytes(whole(Path(run), RECORD, short))
    return found if found == whole_digest else None


def named(name: str, data: bytes) -> Iterator[Digest]:
    """The objects that a document on the disk names instead of its members."""
    found: list[Digest] = []

    def look(_: str, member: bytes) -> bytes:
        if (named := _named(member)) is not None:
            found.append(named)
        return member

    _changed(data, _SHARED.get(name, {}), look)
    yield from found


def _whole(root: Path, name: str, data: bytes, what: str) -> bytes:
    def get(_: str, member: bytes) -> bytes:
        found = _named(member)
        return member if found is None else member_of(root, found, what)

    return _changed(data, _SHARED[name], get)


def _named(member: bytes) -> Digest | None:
    if len(member) != _PLAIN:
        return None
    text = member[1:-1].decode("ascii", "replace")
    return Digest(text) if canon.is_digest(text) else None


def member_of(root: Path | str, digest: Digest, what: str) -> bytes:
    """The bytes of a member that is an object. Raises StoreDamaged as `read`."""
    found = _bytes_of(root, digest)
    if found is None:
        raise StoreDamaged(
            f"{what} cannot be read: the object {digest} that it names is gone or damaged",
            why=f"Looked in {root}.",
            next_step="`reprobox fsck` names all damage; `reprobox pull --from PLACE` brings the "
            "run from a store that has it",
        )
    return found


def _bytes_of(root: Path | str, digest: Digest) -> bytes | None:
    """An object's bytes, if they are what they were; None else."""
    try:
        return _checked(str(root), digest)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


@functools.lru_cache(maxsize=_REMEMBERED)
def _checked(root: str, digest: Digest) -> bytes:
    hexadecimal = canon.hex_of(digest)
    path = f"{root}/objects/sha256/{hexadecimal[:2]}/{hexadecimal[2:]}"
    with layout.trouble(f"reading {path}"):
        data = files.read_whole(path)
    if canon.digest_bytes(data) != digest:
        raise ValueError(digest)
    return data


def _changed(data: bytes, shape: _Shape, change: Callable[[str, bytes], bytes]) -> bytes:
    """A JSON object with some members changed, all other bytes as they were; the same bytes where
    nothing was changed.
    """
    members = codec.members(data) or {}
    fresh: dict[str, bytes] = {}
    for key, inner in shape.items():
        if (before := members.get(key)) is not None:
            after = change(key, before) if inner is None else _changed(before, inner, change)
            if after is not before:
                fresh[key] = after
    if not fresh:
        return data
    members.update(fresh)
    return b"{%s}" % b",".join(_key(name) + value for name, value in members.items())


@functools.lru_cache(maxsize=1 << 10)
def _key(name: str) -> bytes:
    return json.dumps(name).encode("ascii") + b":"
