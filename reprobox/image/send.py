"""From paper into the engine: leave out what it has, load, verify; where the engine did not keep
its word, send everything once.
"""

from __future__ import annotations

from reprobox.errors import EngineError, ImageError, ImageMismatch
from reprobox.image import load_archive
from reprobox.image.engine_check import verify
from reprobox.image.oci_documents import Composition
from reprobox.image.paths import LABEL_FORMAT
from reprobox.image.stream import chunks
from reprobox.model.image import FAMILY, Image
from reprobox.model.ports import ImageEngine, Objects, Progress


def send(
    composition: Composition, *, objects: Objects, engine: ImageEngine, progress: Progress
) -> Image:
    """Makes the engine hold the image under its tag.

    Raises:
        FetchError, HashMismatch: the store lacks bytes or has others.
        ImageError: the engine did not take the archive.
        ImageMismatch: the engine took it and holds something else; the tag is removed again.
    """
    image = composition.image
    if not differences(engine, image):
        return image
    skip = _held(engine, image.diff_ids)
    if skip and not _try(composition, skip, objects=objects, engine=engine, progress=progress):
        return image
    _load(composition, 0, objects=objects, engine=engine, progress=progress)
    found = differences(engine, image)
    if found:
        engine.remove_image(image.tag)
        raise ImageMismatch(
            "the engine holds another image than the one it was sent",
            why="\n".join(found),
            next_step="build again; if it stays, check the engine's disk and log",
        )
    return image


def differences(engine: ImageEngine, image: Image) -> list[str]:
    """What sets the image under the tag apart from ours; empty when it is the same."""
    there = engine.inspect(image.tag)
    return [f"the engine has no image {image.tag}"] if there is None else verify(there, image)


def _try(
    composition: Composition,
    skip: int,
    *,
    objects: Objects,
    engine: ImageEngine,
    progress: Progress,
) -> list[str]:
    """A load without the layers that the engine seems to have. Its failure is an answer: then
    everything is sent.
    """
    try:
        _load(composition, skip, objects=objects, engine=engine, progress=progress)
    except ImageError as error:
        progress.note(
            "the engine lacks layers that it seemed to have; sending all of them "
            f"({' '.join(error.why.split())})"
        )
        return [error.what]
    return differences(engine, composition.image)


def _load(
    composition: Composition,
    skip: int,
    *,
    objects: Objects,
    engine: ImageEngine,
    progress: Progress,
) -> None:
    try:
        with chunks(
            lambda sink: load_archive.write(
                composition, sink, objects=objects, progress=progress, skip=skip
            )
        ) as parts:
            engine.load(parts)
    except EngineError as error:
        raise ImageError(
            "the engine did not take the image", why=str(error), next_step=_advice(str(error))
        ) from error


def _advice(said: str) -> str:
    if "no space left" in said.lower():
        return (
            "the engine's disk is full: free some there (a load needs twice the image's size "
            "for a while), then build again"
        )
    return "`reprobox doctor` checks the engine; its own log says more"


def _held(engine: ImageEngine, diff_ids: tuple[str, ...]) -> int:
    """How many layers from the bottom the engine has.

    A graph driver knows a layer only by the chain below it. A containerd store knows blobs, and an
    image that was pulled has compressed ones: a partial load over it would run but could be neither
    saved nor pushed; so only images that we loaded count, and of those none that came through a
    registry.
    """
    chains = engine.chains(LABEL_FORMAT, FAMILY) if engine.containerd_store() else engine.chains()
    return max((_common(chain, diff_ids) for chain in chains), default=0)


def _common(chain: tuple[str, ...], diff_ids: tuple[str, ...]) -> int:
    for count, (theirs, ours) in enumerate(zip(chain, diff_ids, strict=False)):
        if theirs != ours:
            return count
    return min(len(chain), len(diff_ids))
