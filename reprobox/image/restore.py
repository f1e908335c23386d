"""The image of a record, brought back: local, by digest from a registry, from an archive in the
store, or composed again.

Each way must give the same config digest. A tag is never a way: what it names may have changed
since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from reprobox.errors import FetchError, ImageMismatch, ImageMissing, ReproboxError
from reprobox.image.engine_check import held, verify_recorded
from reprobox.kit import canon
from reprobox.model.image import EngineImage, Image, tag_of
from reprobox.model.lock import Expected, Lock
from reprobox.model.ports import ImageEngine, Objects, Progress


def restore(
    image: Image,
    lock: Lock,
    *,
    objects: Objects,
    engine: ImageEngine,
    progress: Progress,
    complete: Callable[[], None] | None = None,
    known: Callable[[], tuple[str, ...]] = tuple,
) -> tuple[EngineImage, str]:
    """Makes the engine hold exactly this image; what it holds, and which way it came: `local`,
    `registry`, `archive` or `composed`.

    Args:
        complete: fetches the lock's bytes that are absent; called when composing lacks some.
        known: addresses besides the image's own; called when a registry is asked at all.

    Raises:
        ImageMissing: no way led to it; `why` says what each of them met.
        ImageMismatch: composing gave another image than the record names, or the tag is not the
            lock's.
    """
    if image.tag != tag_of(image.lock):
        # A tag is put onto what comes back, so it must be none that means something else here.
        raise ImageMismatch(
            f"the record gives its image the name {image.tag}, which is not its lock's",
            next_step="do not trust it",
        )
    proven = partial(follows, image, lock)
    met: list[str] = []
    ways: tuple[tuple[str, Callable[[], EngineImage | None]], ...] = (
        ("local", lambda: _local(image, engine, proven)),
        ("registry", lambda: _registry(image, known, engine, progress, proven)),
        ("archive", lambda: _archive(image, objects, engine, progress)),
        (
            "composed",
            lambda: _composed(
                image, lock, complete, objects=objects, engine=engine, progress=progress
            ),
        ),
    )
    for way, attempt in ways:
        try:
            there = attempt()
        except ImageMismatch as error:
            if way == "composed":
                raise
            met.append(f"{way}: {error.what} ({error.why})")
        except ReproboxError as error:
            met.append(f"{way}: {error.what}" + (f" ({error.why})" if error.why else ""))
        else:
            return there or _held(engine, image, proven), way
    raise ImageMissing(
        f"the image {image.config} is gone and could not be brought back",
        why="\n".join(met),
        next_step="fetch the lock's bytes from another store with `reprobox pull --from PLACE`, "
        "then replay again",
    )


def follows(image: Image, lock: Lock) -> bool:
    """Whether layers and settings of a record are those that its config digest is over: the config
    is written again from the lock.

    The manifest's digest is over the sizes of layers too, which no record has, so of that it says
    nothing.
    """
    from reprobox.image.layer_plan import names
    from reprobox.image.oci_documents import config_of

    called = names(lock)
    if len(called) != len(image.diff_ids):
        return False
    layers = list(zip(called, image.diff_ids, strict=True))
    config = config_of(layers, image.settings, timestamp=lock.timestamp, platform=lock.platform)
    return canon.digest_bytes(config) == image.config


def _held(engine: ImageEngine, image: Image, proven: Callable[[], bool]) -> EngineImage:
    return held(engine, image, lambda there, wanted: verify_recorded(there, wanted, proven))


def _local(image: Image, engine: ImageEngine, proven: Callable[[], bool]) -> EngineImage:
    """By our tag or by either digest; tagged again where only a digest is left, or a later prune
    would take it.
    """
    met = [f"the engine has neither {image.tag} nor the digests"]
    for reference in (image.tag, image.config, image.manifest):
        there = engine.inspect(reference)
        if there is None:
            continue
        found = verify_recorded(there, image, proven)
        if not found:
            if reference != image.tag:
                engine.tag(reference, image.tag)
            return there
        met.append(f"{reference} is another image: {'; '.join(found)}")
    raise ImageMissing(met[-1])


def _registry(
    image: Image,
    known: Callable[[], tuple[str, ...]],
    engine: ImageEngine,
    progress: Progress,
    proven: Callable[[], bool],
) -> None:
    met = []
    for reference in _addresses(image, known):
        if "@sha256:" not in reference:
            met.append(f"{reference} is not a digest")
            continue
        try:
            there = engine.pull(reference)
        except ReproboxError as error:
            met.append(f"{reference}: {error.what} ({error.why})")
            continue
        found = verify_recorded(there, image, proven)
        if not found:
            engine.tag(there.id, image.tag)
            return
        met.append(f"{reference} gave {there.id}, which is not {image.config}: {'; '.join(found)}")
        progress.note(f"not used: {met[-1]}")
    raise ImageMissing("; ".join(met) or "no address is known")


def _addresses(image: Image, known: Callable[[], tuple[str, ...]]) -> Iterator[str]:
    yield from image.addresses
    yield from (address for address in known() if address not in image.addresses)


def _archive(image: Image, objects: Objects, engine: ImageEngine, progress: Progress) -> None:
    from reprobox.image import stored_archive
    from reprobox.image.load_archive import archive_key
    from reprobox.image.send import send

    digest = objects.memo(archive_key(image.config))
    if not isinstance(digest, str) or not objects.has(digest):
        raise ImageMissing("the store has no archive of it")
    if not objects.verify(digest):
        raise ImageMissing(f"the archive in the store is damaged: {objects.path(digest)}")
    send(
        stored_archive.read(objects.path(digest), image),
        objects=objects,
        engine=engine,
        progress=progress,
    )


def _composed(
    image: Image,
    lock: Lock,
    complete: Callable[[], None] | None,
    *,
    objects: Objects,
    engine: ImageEngine,
    progress: Progress,
) -> None:
    from reprobox.image.compose import compose

    expected = Expected(config=image.config, manifest=image.manifest, diff_ids=image.diff_ids)
    known = replace(lock, image=expected)
    try:
        compose(known, image.lock, objects=objects, engine=engine, progress=progress)
    except FetchError:
        if complete is None:
            raise
        complete()
        compose(known, image.lock, objects=objects, engine=engine, progress=progress)
