"""Objects and runs are read and hashed again; each damaged thing is named, and nothing is changed.

The answer's bits are those of Nix's store verification: 1 corrupted (bytes are not what they were),
2 untrusted (whole, but not what the log of records vouches for), 4 not verifiable (it could not be
read, or is of a newer version). Three different answers: a disk that fails to read says nothing
about what is on it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, ParamSpec

from reprobox.errors import NewerFormat, ReproboxError, StoreDamaged
from reprobox.kit import canon, fd_trees, files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.model import codec
from reprobox.model.consistency import contradictions
from reprobox.model.outcome import OutputFile
from reprobox.model.ports import Progress
from reprobox.model.record import Intent, Record
from reprobox.store import (
    attempts,
    heads,
    image_addresses,
    layout,
    output_manifest,
    output_tree,
    run_documents,
    run_ids,
    verdict_files,
)
from reprobox.store.numbered_files import numbered
from reprobox.store.objects import ObjectStore
from reprobox.store.runs import Runs

P = ParamSpec("P")
Kind = Literal["corrupted", "untrusted", "unverifiable"]
BITS: dict[Kind, int] = {"corrupted": 1, "untrusted": 2, "unverifiable": 4}
_SHARD = regex(r"[0-9a-f]{2}")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong."""

    what: str
    kind: Kind
    why: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was read, and what was wrong with it."""

    objects: int
    runs: int
    faults: tuple[Fault, ...]

    @property
    def code(self) -> int:
        """The bits of all faults; 0 when there is none."""
        return sum({BITS[fault.kind] for fault in self.faults})


def check(root: Path, progress: Progress | None = None) -> Report:
    """Reads all of a store.

    Raises:
        NewerFormat: the store itself is of a newer reprobox.
        StoreError: the store's own directories cannot be listed.
    """
    layout.ensure(root)
    store, runs = ObjectStore(root), Runs(root)
    digests, names = list(store.iterate()), runs.ids()
    faults: list[Fault] = list(_foreign(root))
    faults += [
        Fault(what=f"run {name}, intent.json", kind="corrupted", why="it is gone")
        for name in runs.headless()
    ]
    seen: dict[str, str] = {}
    log = _log_at_first(runs)
    looks = [
        # Not `store.path`, which counts as a look-up.
        *(
            (partial(_kept, store, digest), root / "objects/sha256" / digest[7:9] / digest[9:])
            for digest in digests
        ),
        *((partial(_run, runs, name, seen, log), runs.folder / name) for name in names),
    ]
    with layout.trouble(f"looking into {root}"):
        sizes = [0 if layout.closed(place) else fd_trees.bytes_of(place) for _, place in looks]
    with contextlib.ExitStack() as stack:
        bar = (
            stack.enter_context(progress.task("reading the store again", sum(sizes)))
            if progress
            else None
        )
        for (look, _), size in zip(looks, sizes, strict=True):
            faults += look()
            bar.update(size) if bar else None
    faults += _guarded("heads.log", _chain, runs, set(names), seen, log)
    return Report(objects=len(digests), runs=len(names), faults=tuple(faults))


def _guarded(
    what: str, look: Callable[P, Iterator[Fault]], *args: P.args, **kwargs: P.kwargs
) -> list[Fault]:
    """Runs a check; what it could not read, or not understand, becomes a fault of its own."""
    found: list[Fault] = []
    try:
        found.extend(look(*args, **kwargs))
    except NewerFormat as fault:
        found.append(Fault(what=what, kind="unverifiable", why=fault.what))
    except StoreDamaged as fault:
        found.append(Fault(what=what, kind="corrupted", why=str(fault)))
    except (ReproboxError, OSError) as fault:
        found.append(Fault(what=what, kind="unverifiable", why=str(fault)))
    return found


def _foreign(root: Path) -> Iterator[Fault]:
    base = f"{root}/objects/sha256"
    for folder in sorted(os.listdir(base)):
        place = f"{base}/{folder}"
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else [""]:
            if not _SHARD.fullmatch(folder) or not canon.is_digest(f"sha256:{folder}{name}"):
                yield Fault(
                    what=f"objects/sha256/{folder}/{name}",
                    kind="untrusted",
                    why="it is not an object",
                )


def _kept(store: ObjectStore, digest: str) -> list[Fault]:
    return _guarded(f"object {digest}", _object, store, digest)


def _object(store: ObjectStore, digest: str) -> Iterator[Fault]:
    if not store.verify(digest):
        yield Fault(what=f"object {digest}", kind="corrupted", why="its bytes have another digest")


def _run(runs: Runs, run_id: str, seen: dict[str, str], log: Log) -> list[Fault]:
    """Args: `seen` gets the digest of the run's record."""
    what, folder = f"run {run_id}", f"{runs.folder}/{run_id}"
    if layout.closed(folder):
        return [Fault(what=what, kind="unverifiable", why="it belongs to another user")]
    with layout.trouble(f"listing run {run_id}"):
        here = _names(folder)
    inside: list[bool] = []
    recorded = "record.json" in here
    faults = _guarded(f"{what}, intent.json", _intent, runs, run_id, recorded, inside)
    if recorded:
        faults += _guarded(
            f"{what}, record.json", _record, runs, run_id, inside == [True], seen, log
        )
    for name in [name for name in _DOCUMENTS if name in here]:
        for path in numbered(Path(folder), name):
            faults += _guarded(f"{what}, {name}/{path.name}", _DOCUMENTS[name], path)
    if not here.isdisjoint(attempts.MARKS):
        for name, read in attempts.checks(Path(folder)):
            faults += _guarded(f"{what}, {name}", _readable, read)
    return faults


def _names(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder))
    except FileNotFoundError:
        return set()


def _readable(read: Callable[[], object]) -> Iterator[Fault]:
    read()
    yield from ()


def _is_in_record(folder: str) -> bool:
    """Whether the record holds the very bytes of the intent: then it is looked at there."""
    record = files.read_whole(f"{folder}/record.json")
    intent = files.read_whole(f"{folder}/intent.json")
    return b'"intent":' + intent + b"," in record


def _intent(runs: Runs, run_id: str, recorded: bool, inside: list[bool]) -> Iterator[Fault]:
    """Args: `inside` gets whether the record holds the intent, once that is known."""
    inside.append(recorded and _is_in_record(f"{runs.folder}/{run_id}"))
    if not inside[0]:
        yield from _consistent(run_id, runs.intent(run_id))


def _consistent(run_id: str, intent: Intent) -> Iterator[Fault]:
    what = f"run {run_id}, intent.json"
    if intent.id != run_id:
        yield Fault(what=what, kind="corrupted", why=f"it is of {intent.id}")
    for name, (said, found) in contradictions(intent).items():
        yield Fault(
            what=what, kind="corrupted", why=f"its {name} should be {said!r} and is {found!r}"
        )


def _verdict(path: Path) -> Iterator[Fault]:
    verdict_files.read(path)
    yield from ()


def _address(path: Path) -> Iterator[Fault]:
    image_addresses.decode(path.read_bytes(), where=str(path))
    yield from ()


def _statement(path: Path) -> Iterator[Fault]:
    """A signature is checked by `verify`; here it is asked only whether there is something to
    check.
    """
    try:
        canon.parse(path.read_bytes())
    except ValueError as fault:
        raise StoreDamaged(f"{path} is not readable JSON: {fault}") from fault
    yield from ()


_DOCUMENTS: dict[str, Callable[[Path], Iterator[Fault]]] = {
    verdict_files.FOLDER: _verdict,
    image_addresses.FOLDER: _address,
    "statements": _statement,
}
"""Directories of numbered documents, and how each document is checked."""


def _record(
    runs: Runs, run_id: str, contained: bool, seen: dict[str, str], log: Log
) -> Iterator[Fault]:
    """Args: `contained` says whether the record holds the intent; `seen` gets its own digest."""
    record, seen[run_id] = runs.record(run_id, log.announced(run_id))
    folder, what = f"{runs.folder}/{run_id}", f"run {run_id}"
    if contained:
        yield from _consistent(run_id, record.intent)
    elif codec.digest(runs.intent(run_id)) != codec.digest(record.intent):
        yield Fault(
            what=f"{what}, intent.json", kind="corrupted", why="it is not the intent of the record"
        )
    for name, expected in (
        ("stdout", record.stdout),
        ("stderr", record.stderr),
        ("config.yaml", record.intent.runspec.config_digest),
    ):
        yield from _guarded(
            f"{what}, {name}", _file, f"{folder}/{name}", f"{what}, {name}", expected
        )
    yield from _guarded(
        f"{what}, outputs.jsonl",
        _outputs,
        folder,
        what,
        record,
        not layout.exists(f"{folder}/outputs") and runs.outputs_stayed(run_id),
    )


def _file(path: str, what: str, expected: str) -> Iterator[Fault]:
    try:
        found = canon.digest_file(path)
    except FileNotFoundError:
        # A stream that the shim never opened is recorded as an empty one.
        found = canon.digest_bytes(b"")
    if found != expected:
        yield Fault(what=what, kind="corrupted", why=f"it was {expected} and is {found}")


def _outputs(folder: str, what: str, record: Record, stayed: bool) -> Iterator[Fault]:
    manifest = f"{folder}/outputs.jsonl"
    data = files.read_whole(manifest) if layout.exists(manifest) else b""
    if canon.digest_bytes(data) != record.outputs.manifest:
        raise StoreDamaged("its bytes are not those that the record names, or it is gone")
    known, top = set(), f"{folder}/outputs"
    for file in () if stayed else output_manifest.read_manifest(data, checked=True):
        known.add(file.path)
        name = f"{what}, outputs/{file.path}"
        yield from _guarded(name, _output, top, name, file)
    for path in _walk(top):
        if path not in known:
            yield Fault(
                what=f"{what}, outputs/{path}", kind="untrusted", why="the record does not know it"
            )


def _output(top: str, what: str, file: OutputFile) -> Iterator[Fault]:
    kind, found = output_tree.found(top, file.path)
    if kind != file.kind:
        yield Fault(what=what, kind="corrupted", why=f"it was a {file.kind} and is {kind}")
    elif found != file.sha256:
        yield Fault(what=what, kind="corrupted", why=f"it was {file.sha256} and is {found}")


def _walk(folder: str) -> Iterator[str]:
    """Everything below a directory that is not a directory; what cannot be entered is left out."""
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with (
            contextlib.suppress(OSError),
            fd_trees.opened(folder, prefix.split("/")[:-1]) as fd,
            os.scandir(fd) as entries,
        ):
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{prefix}{entry.name}/")
                else:
                    yield prefix + entry.name


@dataclass(frozen=True, kw_only=True)
class Log:
    """heads.log, read once: it grows with every run, and may be asked about every run."""

    last: Mapping[str, str]
    """Run to the digest of the record that was announced last for it; empty where the run was
    removed since.
    """
    short: Mapping[str, str]
    """Run to the digest of what was announced to lie on the disk for that record."""
    size: int
    """Bytes of the log when it was read."""
    broken: str | None = None
    """Why what follows cannot be believed; `last` is of the lines before."""

    def announced(self, run_id: str) -> heads.Announced | None:
        """What it says of a run that has a record, where it can be believed."""
        record = "" if self.broken else self.last.get(run_id, "")
        return heads.Announced(record=record, short=self.short[run_id]) if record else None


def read_log(runs: Runs) -> Log:
    """Reads heads.log. Raises StoreError when that fails, NewerFormat when it is of a newer
    version.
    """
    last: dict[str, str] = {}
    short: dict[str, str] = {}
    size = heads.size(runs.root)
    broken = None
    try:
        for head in heads.read(runs.root):
            last[head.run] = head.record if head.event == "record" else ""
            short[head.run] = head.short or head.record
    except StoreDamaged as fault:
        broken = str(fault)
    return Log(last=last, short=short, size=size, broken=broken)


def _log_at_first(runs: Runs) -> Log:
    """As `read_log`; what keeps it from being read is a fault, which `_chain` finds."""
    try:
        return read_log(runs)
    except ReproboxError:
        return Log(last={}, short={}, size=-1)


def vouched(runs: Runs, run_id: str, log: Log) -> str | None:
    """Why the log of records does not vouch for a run; None when it does."""
    return log.broken or _vouched(runs, run_id, log.last.get(run_id))


def _chain(runs: Runs, here: set[str], seen: dict[str, str], log: Log) -> Iterator[Fault]:
    """Whether every record is the last one that was announced for its run, and none is missing.

    Args:
        log: as it was before the runs were read; runs may have ended since.
    """
    if heads.size(runs.root) != log.size:
        log = read_log(runs)
    if log.broken:
        yield Fault(what="heads.log", kind="untrusted", why=log.broken)
    for run_id in sorted((here | log.last.keys()) - runs.removed().keys()):
        if run_ids.is_id(run_id) and run_id in seen and log.last.get(run_id) == seen[run_id]:
            continue
        if run_ids.is_id(run_id) and (why := _vouched(runs, run_id, log.last.get(run_id))):
            yield Fault(what=f"run {run_id}", kind="untrusted", why=why)


def _vouched(runs: Runs, run_id: str, announced: str | None) -> str | None:
    path = runs.folder / run_id / "record.json"
    if layout.closed(path.parent):
        return None  # said already, by `_run`
    if not layout.exists(path):
        expected = announced and not (layout.exists(path.parent / "lock") and runs.held(run_id))
        return (
            "its record was announced and is not there: it was removed by hand, or its end was "
            "cut off"
            if expected
            else None
        )
    if announced is None:
        return "its record was never announced in heads.log"
    if not announced:
        return "it was removed, and is here again"
    try:
        found = canon.digest_bytes(run_documents.read(path.parent, run_documents.RECORD))
    except StoreDamaged:
        return None  # said already, by `_run`
    return (
        None
        if found == announced
        else f"its record is not the one that was announced last: {announced}"
    )
