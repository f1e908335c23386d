"""What a run needs from every room to be whole elsewhere, and how its commit arrives."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from reprobox.flow.box import Box
from reprobox.flow.code import holder
from reprobox.flow.passing import Noting
from reprobox.kit import canon
from reprobox.model.lock import Lock
from reprobox.model.ports import Objects
from reprobox.model.record import Record
from reprobox.store import copy
from reprobox.store.copy import Role
from reprobox.store.outgoing import Packing, open_binary


@contextlib.contextmanager
def packed(box: Box, run_ids: Sequence[str], parts: Sequence[Role]) -> Iterator[copy.Parcels]:
    """Runs ready to go; what must be made first (git packs) lies in a temporary directory until the end.

    Raises:
        RunBusy: a run has no record yet.
        FetchError, InputError, SourceError: something that was asked for is not here any more.
    """
    from reprobox.store.layout import ensure

    ensure(box.runs.root)
    with tempfile.TemporaryDirectory(prefix="outgoing-", dir=box.runs.root / "tmp") as folder:
        packs: dict[str, tuple[str, Path]] = {}
        yield copy.Parcels([_pack(box, run_id, parts, Path(folder), packs).parcel() for run_id in run_ids])


def _pack(box: Box, run_id: str, parts: Sequence[Role], folder: Path, packs: dict[str, tuple[str, Path]]) -> Packing:
    packing = Packing(box.runs, run_id)
    packing.add_directory()
    record, _ = box.runs.record(run_id)
    packing.add_spec(record.intent.runspec, box.things)
    if "outputs" in parts:
        packing.add_outputs()
    if "code" in parts:
        _add_code(box, packing, record.intent.source.commit, folder, packs)
    if "inputs" in parts:
        from reprobox.flow.carried import add_inputs

        add_inputs(box, packing, record)
    if "lock" in parts or "image" in parts:
        _add_image(box, packing, record, parts)
    return packing


def _add_objects(packing: Packing, role: Role, digests: Iterable[str], objects: Objects) -> None:
    for digest in digests:
        packing.add_file(role, digest, objects.path(digest))


def _add_code(box: Box, packing: Packing, commit: str, folder: Path, packs: dict[str, tuple[str, Path]]) -> None:
    from reprobox.source import carry, pack

    top = holder(box, commit)
    if commit not in packs:
        path = folder / commit
        with path.open("xb") as file:
            file.writelines(pack.pack(top, commit))
        packs[commit] = (canon.digest_file(path), path)
    digest, path = packs[commit]
    packing.pack = digest
    packing.add_file("code", digest, path)
    for item in carry.lfs_objects(top, commit):
        packing.add("code", item.digest, item.size, partial(open_binary, carry.lfs_file(top, commit, item)))


def _add_image(box: Box, packing: Packing, record: Record, parts: Sequence[Role]) -> None:
    """The bytes of the lock with the derived layers, so that no container is needed to compose; and the archive, if asked."""
    from reprobox.image import archive, compose

    lock, image = record.intent.lock, record.intent.image
    noting = Noting(box.things)
    drawn = compose.draw(lock, image.lock, objects=noting, engine=box.engine, progress=box.progress)
    if "lock" in parts:
        _add_objects(packing, "lock", {digest for layer in drawn.layers for digest in layer.needs}, box.things)
        _add_objects(packing, "lock", (digest for digest in _named(lock) if box.things.has(digest)), box.things)
        packing.memos.update(noting.memos)
    if "image" in parts:
        key = archive.archive_key(image.config)
        digest = box.things.memo(key)
        if not isinstance(digest, str) or not box.things.has(digest):
            digest = archive.keep(drawn, box.objects, box.progress)
        _add_objects(packing, "image", (digest,), box.things)
        packing.memos[key] = digest


def _named(lock: Lock) -> set[str]:
    """Everything that a lock names by hash."""
    return {wheel.sha256 for wheel in lock.wheels} | {package.sha256 for package in (*lock.debs, *lock.base.packages)}
