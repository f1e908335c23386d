"""What no run and no lock needs: first listed, with sizes in bytes, then removed.

Needed is every digest that any record, intent or lock mentions anywhere, found as text, so that
what a newer reprobox wrote counts too; what a needed object mentions, if it is itself JSON; and the
archive of a needed image. A removed run needs its objects until it is deleted. An object that is
young, or was looked up lately, stays: a build or a run that is just being made has not written its
intent yet (`ObjectStore.has` touches what it finds). When anything cannot be read, nothing is
removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import field
from pathlib import Path

from reprobox.errors import StoreError
from reprobox.kit import fd_trees, files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.kit.text import shown
from reprobox.kit.units import counted
from reprobox.model import codec
from reprobox.model.image import ARCHIVE_MEMO
from reprobox.store import layout, run_documents, run_ids
from reprobox.store.objects import TOUCH_AFTER, ObjectStore
from reprobox.store.project import NAME
from reprobox.store.rundir import SCRATCH
from reprobox.store.runs import Runs
from reprobox.store.transfer.copy import FOLDERS

GRACE = 4 * TOUCH_AFTER
"""Seconds without a look-up before an object may go; above TOUCH_AFTER by so much that no build
takes longer.
"""
_ABANDONED = 3600.0
"""Seconds after which a temporary file that no process has locked is dead."""
_RESUMABLE = 7 * 24 * 3600.0
"""Seconds that an unfinished download is kept."""
_ONLY_HEX = bytes(byte if byte in b"0123456789abcdef" else 32 for byte in range(256))
_DIGITS = 64
_NAMED = regex(rb'"(?:lock|packages)":"sha256:([0-9a-f]{64})"')
"""Where a document may name an object instead of a member."""
_SCAN_LIMIT = 64 << 20
"""Bytes: a JSON object above this is not a manifest of ours."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would go; made without changing anything."""

    objects: tuple[tuple[str, int], ...] = ()
    """Digests and sizes in bytes."""
    leftovers: tuple[tuple[Path, int], ...] = ()
    """Scratch of finished runs, dead temporary files, old unfinished downloads, idle input trees,
    with sizes in bytes.
    """
    kept: int = 0
    """How many objects stay."""
    forgotten: tuple[Path, ...] = ()
    """Registered projects and locks that are gone, and whose needs are given up."""
    unreadable: tuple[Path, ...] = ()
    """Runs of other users that may not be read: what they need is not known, so every object
    stays.
    """
    removed: tuple[tuple[str, int], ...] = ()
    """Removed runs that are old enough to be deleted, with sizes in bytes."""

    @property
    def size(self) -> int:
        """Bytes that would be freed."""
        return sum(size for _, size in (*self.objects, *self.leftovers, *self.removed))


def expired(runs: Runs, keep: float, now: float | None = None) -> list[str]:
    """Ids of the runs that were removed more than `keep` seconds ago."""
    now = time.time() if now is None else now
    return [run_id for run_id, at in runs.removed().items() if now - at >= keep]


def plan(
    root: Path,
    *,
    forget: bool = False,
    without: Sequence[str] = (),
    now: float | None = None,
) -> Plan:
    """Finds what is not needed.

    Args:
        root: a project's store, or the user's shared one with its `roots/`.
        without: ids of removed runs of this project that are about to be deleted: what only they
            need is reclaimable too.
        forget: give up the needs of registered projects and locks that are not there; without it
            they are an error, because a project on a disk that is not mounted looks the same as one
            that was deleted. A lock that was deleted from a repository that is there needs nothing
            any more.
        now: seconds since 1970.

    Raises:
        StoreError: something could not be read, so what is needed is not known.
    """
    now = time.time() if now is None else now
    store = ObjectStore(root)
    with layout.trouble(f"looking for what {root} needs"):
        gone = tuple(link for link in _links(root) if not _there(link))
        missing = [os.readlink(link) for link in gone if not _deleted(Path(os.readlink(link)))]
        if missing and not forget:
            raise StoreError(
                f"not there: {counted(len(missing), 'project or lock', 'projects and locks')} "
                f"known to use {root}",
                why="\n".join(map(shown, missing)),
                next_step="mount them; or, if they were deleted, `reprobox gc --forget-missing`",
            )
        unreadable: list[Path] = []
        about = frozenset(root / "runs" / run_id for run_id in without)
        needed = _needed(root, store, about, unreadable)
        total, doomed = 0, []
        for digest, size, touched in _objects(store):
            total += 1
            if not unreadable and now - touched > GRACE and digest[7:] not in needed:
                doomed.append((digest, size))
        idle = () if unreadable else _idle_trees(root, needed, now)
        leftovers = tuple(
            (path, fd_trees.bytes_of(path)) for path in (*_leftovers(root, now), *idle)
        )
        removed = tuple((name, fd_trees.bytes_of(root / "runs" / name)) for name in without)
    return Plan(
        objects=tuple(doomed),
        leftovers=leftovers,
        unreadable=tuple(unreadable),
        kept=total - len(doomed),
        forgotten=gone,
        removed=removed,
    )


def carry_out(root: Path, found: Plan, *, now: float | None = None) -> int:
    """Removes what a plan names and what is still old, unlocked and unlooked-for; gives the bytes
    freed.
    """
    now = time.time() if now is None else now
    store, freed = ObjectStore(root), 0
    with layout.trouble(f"clearing {root}"):
        for link in found.forgotten:
            if not _there(link):
                link.unlink(missing_ok=True)
        for digest, size in found.objects:
            # One lock for each object, so that a process that stores something waits for
            # microseconds only.
            with layout.store_lock(root, shared=False):
                if _still_old(store, digest, now):
                    store.remove(digest)
                    freed += size
        current = set(_leftovers(root, now))
        for path, size in found.leftovers:
            if (
                _remove_tree(root, path, now)
                if path.parent == root / layout.INPUTS
                else _remove_leftover(root, path, current, now)
            ):
                freed += size
    return freed


def _needed(
    root: Path, store: ObjectStore, without: Container[Path], unreadable: list[Path]
) -> set[str]:
    """Hexadecimal digests that are mentioned by anything that is kept, and in turn by the objects
    so found.

    Args:
        without: directories of runs that need nothing any more.
        unreadable: gets the directories of runs that belong to other users.
    """
    found: set[str] = set()
    # An archive that came with a run lies in the shared store, and the project that it came to
    # knows whose it is.
    knowing = [
        store,
        *(ObjectStore(Path(os.readlink(link))) for link in _links(root) if _is_project(link)),
    ]
    locks = Locks()
    mentioned: set[bytes] = set()
    for path, data in _documents(root, unreadable, without):
        for part in _parts(path, data, locks):
            mentioned.update(_hexadecimals(part))
    found.update(match.decode("ascii") for match in mentioned)
    here = {digest[7:] for digest in store.iterate()}
    facts = [(place, frozenset(_names(place.root / "memo"))) for place in knowing]
    waiting, seen = list(found), found
    while waiting:
        hexadecimal = waiting.pop()
        seen.add(hexadecimal)
        path = store.root / "objects" / "sha256" / hexadecimal[:2] / hexadecimal[2:]
        more = _digests_in(_bytes_of(path)) if hexadecimal in here and _is_json(path) else set()
        for place, names in facts:
            key = ARCHIVE_MEMO + hexadecimal
            if names and place.memo_name(key) in names:
                archive = place.memo(key)
                more |= {archive.removeprefix("sha256:")} if isinstance(archive, str) else set()
        waiting += more - seen
        seen |= more
    return seen


def _documents(
    root: Path, unreadable: list[Path], without: Container[Path]
) -> Iterator[tuple[Path, bytes]]:
    """Every file that says what is needed, with its bytes: of this store's runs, and of all
    projects and locks that are registered.
    """
    yield from _of_runs(root, unreadable, without)
    for link in _links(root):
        target = Path(os.readlink(link))
        if _is_project(link):
            yield from _of_runs(target, unreadable, without)
            for path in sorted(target.parent.glob("*.lock")):
                if path.is_file():
                    yield path, _bytes_of(path)
        elif _there(link):
            yield target, _bytes_of(target)


def _of_runs(
    root: Path, unreadable: list[Path], without: Container[Path]
) -> Iterator[tuple[Path, bytes]]:
    """The documents of a store's runs; an intent whose very bytes are in the record is given as
    that.
    """
    for name in _names(root / "runs"):
        run = root / "runs" / name
        if not run_ids.is_id(name) or run in without:
            continue
        try:
            here = os.listdir(run)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            unreadable.append(run)
            continue
        record = _bytes_of(f"{run}/record.json") if "record.json" in here else b""
        intent = _bytes_of(f"{run}/intent.json") if "intent.json" in here else b""
        if record:
            yield run / "record.json", record
        if intent and intent not in record:
            yield run / "intent.json", intent


def _links(root: Path) -> list[Path]:
    return [root / "roots" / name for name in _names(root / "roots")]


def _there(path: Path) -> bool:
    """Whether something is there, links followed; what cannot be determined is an error, and never
    "gone".
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _is_project(link: Path) -> bool:
    return _there(link) and stat.S_ISDIR(os.stat(link).st_mode)


def _deleted(lock: Path) -> bool:
    """Whether a lock that is not there was deleted (or is of another branch): the repository that
    it was in is there without it.
    """
    return lock.name != NAME and any(
        layout.exists(place / name) for place in lock.parents for name in (NAME, ".git")
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _bytes_of(path: Path | str) -> bytes:
    try:
        return files.read_whole(path)
    except FileNotFoundError:
        return b""  # a run that was removed since it was listed


def _digests_in(data: bytes) -> set[str]:
    return {match.decode("ascii") for match in set(_hexadecimals(data))}


def _hexadecimals(data: bytes) -> Iterator[bytes]:
    """All of `[0-9a-f]{64}`, in a fifth of the time of a regular expression."""
    for word in data.translate(_ONLY_HEX).split():
        if len(word) >= _DIGITS:
            yield word[:_DIGITS]
            for start in range(_DIGITS, len(word) - _DIGITS + 1, _DIGITS):
                yield word[start : start + _DIGITS]


@dataclass
class Locks:
    """The locks that were read already: the runs of a project have few."""

    digests: set[bytes] = field(default_factory=set)
    mentions: set[frozenset[bytes]] = field(default_factory=set)
    """Of documents whose objects were all read: what they say in the places of such objects."""


def _parts(path: Path, data: bytes, locks: Locks) -> Iterator[bytes]:
    """What a document says, less the lock in it that an earlier one had too: it is most of a
    record, and the runs of a project have few. A lock that it names as an object is in the store of
    the run, which may not be the store that is cleared.

    Args:
        locks: gets those of this document.

    Raises:
        StoreDamaged: it names an object that is not there, so what it needs is not known.
    """
    mentions = frozenset(_NAMED.findall(data))
    if mentions in locks.mentions:
        yield data
        return
    named = list(run_documents.named(path.name, data))
    for digest in named:
        if (key := bytes.fromhex(digest[7:])) not in locks.digests:
            yield run_documents.member_of(path.parent.parent.parent, digest, str(path))
            locks.digests.add(key)
    if named:
        locks.mentions.add(mentions)
    record = codec.members(data) or {}
    intent = codec.members(record["intent"]) if "intent" in record else record
    lock = (intent or {}).get("lock")
    if lock is None or lock[:1] != b"{":
        yield data
        return
    start = data.find(lock)
    yield from (data[:start], data[start + len(lock) :])
    key = hashlib.sha256(lock).digest()
    if key not in locks.digests:
        locks.digests.add(key)
        yield lock


def _is_json(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(1) in (b"{", b"[") and os.fstat(file.fileno()).st_size <= _SCAN_LIMIT
    except FileNotFoundError:
        return False


def _objects(store: ObjectStore) -> Iterator[tuple[str, int, float]]:
    for digest in store.iterate():
        with contextlib.suppress(FileNotFoundError):
            # Not `store.path`, which counts as a look-up.
            status = os.lstat(_place(store, digest))
            yield digest, status.st_size, status.st_mtime


def _place(store: ObjectStore, digest: str) -> Path:
    return store.root / "objects" / "sha256" / digest[7:9] / digest[9:]


def _still_old(store: ObjectStore, digest: str, now: float) -> bool:
    try:
        return now - os.lstat(_place(store, digest)).st_mtime > GRACE
    except FileNotFoundError:
        return False


def _leftovers(root: Path, now: float) -> Iterator[Path]:
    for name in _names(root / "tmp"):
        if _dead(root / "tmp" / name, now):
            yield root / "tmp" / name
    for name in _names(root / "runs"):
        run = root / "runs" / name
        with contextlib.suppress(PermissionError):  # another user's
            if run_ids.is_id(name) and not _locked(run / "lock"):
                yield from _of_run(run, now)


def _dead(path: Path, now: float) -> bool:
    """Whether no process works on a name in `tmp/` any more."""
    # A directory cannot be locked by who fills it (an import, an export), so it gets the time of a
    # long one.
    patient = path.name.startswith("partial-") or (
        path.is_dir() and not path.name.startswith("removed-")
    )
    return _age(path, now) > (_RESUMABLE if patient else _ABANDONED) and not _locked(path)


def _of_run(run: Path, now: float) -> Iterator[Path]:
    finished = layout.exists(f"{run}/record.json")
    names = _names(run)
    for name in names:
        if finished and name in SCRATCH:
            yield run / name
    inside = [(run / name, _names(run / name)) for name in FOLDERS if name in names]
    for folder, held in ((run, names), *inside):
        for name in held:
            if name.startswith(".tmp-") and _age(folder / name, now) > _ABANDONED:
                yield folder / name


def _age(path: Path, now: float) -> float:
    try:
        return now - os.lstat(path).st_mtime
    except FileNotFoundError:
        return 0.0


def _locked(path: Path) -> bool:
    """Whether a process holds a lock on a regular file; what is not there, or is none, is not
    locked.
    """
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        with files.locked(path, wait=False):
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True


def _idle_trees(root: Path, needed: set[str], now: float) -> Iterator[Path]:
    """Input trees that no run names; they can be laid out again from their objects as long as these
    are needed.
    """
    for name in _names(root / layout.INPUTS):
        path = root / layout.INPUTS / name
        if name not in needed and _age(path, now) > GRACE:
            yield path


def _remove_tree(root: Path, path: Path, now: float) -> bool:
    """Removes an input tree, if no replay has asked for it since."""
    doomed = root / "tmp" / f"removed-{path.name}-{os.urandom(4).hex()}"
    with layout.store_lock(root, shared=False):
        if _age(path, now) <= GRACE:
            return False
        os.rename(path, doomed)
    fd_trees.remove(doomed)
    return True


def _remove_leftover(root: Path, path: Path, current: set[Path], now: float) -> bool:
    """Removes what is one still, if it is of a run under the run's lock."""
    if path not in current:
        return False
    if path.parent == root / "tmp":
        # Another process may have continued it since.
        if dead := _dead(path, now):
            fd_trees.remove(path)
        return dead
    run = root / "runs" / path.relative_to(root / "runs").parts[0]
    with (
        contextlib.suppress(BlockingIOError, FileNotFoundError),
        files.locked(run / "lock", wait=False),
    ):
        fd_trees.remove(path)
        return True
    return False
