"""What a run needs from every room to be whole elsewhere, and how its commit arrives."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from reprobox.commands.shared.object_proxies import Noting
from reprobox.context import Context
from reprobox.errors import StoreDamaged
from reprobox.executor.commits import holder
from reprobox.kit import canon
from reprobox.kit.text import shown
from reprobox.model import record_fields
from reprobox.model.lock import Lock
from reprobox.model.ports import Objects
from reprobox.model.record import Record
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Role
from reprobox.store.transfer.outgoing import Packing, open_binary


@contextlib.contextmanager
def packed(
    context: Context, run_ids: Sequence[str], parts: Sequence[Role]
) -> Iterator[copy.Parcels]:
    """Runs ready to go; what must be made first (git packs) lies in a temporary directory until the
    end.

    Raises:
        RunBusy: a run has no record yet.
        FetchError, InputError, SourceError: something that was asked for is not here any more.
    """
    from reprobox.store.layout import ensure

    ensure(context.runs.root)
    with tempfile.TemporaryDirectory(prefix="outgoing-", dir=context.runs.root / "tmp") as folder:
        packs: dict[str, tuple[str, Path]] = {}
        yield copy.Parcels(
            [_pack(context, run_id, parts, Path(folder), packs).parcel() for run_id in run_ids]
        )


def _pack(
    context: Context,
    run_id: str,
    parts: Sequence[Role],
    folder: Path,
    packs: dict[str, tuple[str, Path]],
) -> Packing:
    packing = Packing(context.runs, run_id)
    packing.add_directory()
    record, _ = context.runs.record(run_id)
    commit = record.intent.source.commit
    if not record_fields.is_object(commit):
        raise StoreDamaged(
            f"the record of run {run_id} names the commit '{shown(commit)}', which is none",
            next_step="reprobox fsck --project",
        )
    packing.add_spec(record.intent.runspec, context.all_objects)
    if "outputs" in parts:
        packing.add_outputs()
    if "code" in parts:
        _add_code(context, packing, commit, folder, packs)
    if "inputs" in parts:
        from reprobox.commands.shared.input_transfer import add_inputs

        add_inputs(context, packing, record)
    if "lock" in parts or "image" in parts:
        _add_image(context, packing, record, parts)
    return packing


def _add_objects(packing: Packing, role: Role, digests: Iterable[str], objects: Objects) -> None:
    for digest in digests:
        packing.add_file(role, digest, objects.path(digest))


def _add_code(
    context: Context,
    packing: Packing,
    commit: str,
    folder: Path,
    packs: dict[str, tuple[str, Path]],
) -> None:
    from reprobox.source import commit_pack, lfs_transfer

    repo = holder(context, commit)
    if commit not in packs:
        path = folder / f"{len(packs)}.pack"
        with path.open("xb") as file:
            file.writelines(commit_pack.pack(repo, commit))
        packs[commit] = (canon.digest_file(path), path)
    digest, path = packs[commit]
    packing.pack = digest
    packing.add_file("code", digest, path)
    for item in lfs_transfer.lfs_objects(repo, commit):
        packing.add(
            "code",
            item.digest,
            item.size,
            partial(open_binary, lfs_transfer.lfs_file(repo, commit, item)),
        )


def _add_image(context: Context, packing: Packing, record: Record, parts: Sequence[Role]) -> None:
    """The bytes of the lock with the derived layers, so that no container is needed to compose; and
    the archive, if asked.
    """
    from reprobox.image import compose, load_archive

    lock, image = record.intent.lock, record.intent.image
    noting = Noting(context.all_objects)
    drawn = compose.draw(
        lock, image.lock, objects=noting, engine=context.engine, progress=context.progress
    )
    if "lock" in parts:
        _add_objects(
            packing,
            "lock",
            {digest for layer in drawn.layers for digest in layer.needs},
            context.all_objects,
        )
        _add_objects(
            packing,
            "lock",
            (digest for digest in _named(lock) if context.all_objects.has(digest)),
            context.all_objects,
        )
        packing.memos.update(noting.memos)
    if "image" in parts:
        key = load_archive.archive_key(image.config)
        digest = context.all_objects.memo(key)
        if not isinstance(digest, str) or not context.all_objects.has(digest):
            digest = load_archive.keep(drawn, context.objects, context.progress)
        _add_objects(packing, "image", (digest,), context.all_objects)
        packing.memos[key] = digest


def _named(lock: Lock) -> set[str]:
    """Everything that a lock names by hash."""
    from reprobox.lock.fetch import origins

    made_of = {digest for wheel in lock.wheels for digest in origins(wheel)}
    return (
        {wheel.sha256 for wheel in lock.wheels}
        | {package.sha256 for package in lock.conda}
        | {own.sha256 for own in (lock.python.standalone,) if own}
        | made_of
        | {package.sha256 for package in (*lock.debs, *lock.base.packages)}
    )
