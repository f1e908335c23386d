"""Lock to image. `find` is the no-op path and imports nothing heavy; `compose` does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reprobox.errors import ImageMismatch
from reprobox.image.engine_check import verify
from reprobox.image.paths import settings_of
from reprobox.model.image import EngineImage, Image, tag_of
from reprobox.model.lock import Expected, Lock

if TYPE_CHECKING:
    from reprobox.image.oci_documents import Composition
    from reprobox.model.ports import ImageEngine, Objects, Progress


def find(lock: Lock, lock_digest: str, engine: ImageEngine) -> tuple[Image, EngineImage] | None:
    """The image, and what the engine holds of it, where the lock says what it must be and the
    engine has exactly that; else None.
    """
    if lock.image is None:
        return None
    image = Image(
        config=lock.image.config,
        manifest=lock.image.manifest,
        diff_ids=lock.image.diff_ids,
        lock=lock_digest,
        tag=tag_of(lock_digest),
        base=f"{lock.base.kind}:{lock.base.reference}",
        settings=settings_of(lock, lock_digest),
    )
    there = engine.inspect(image.tag)
    if there is None or verify(there, image):
        return None
    return image, there


def compose(
    lock: Lock, lock_digest: str, *, objects: Objects, engine: ImageEngine, progress: Progress
) -> Image:
    """Composes the lock's image and makes the engine hold it.

    Raises:
        ImageMismatch: it is not what the lock expects, naming the layer; or the engine holds
            something else after the load.
        ImageError: a package cannot be installed, or the engine refuses the image.
        FetchError, HashMismatch: bytes that the lock names are absent or damaged.
    """
    from reprobox.image.send import send

    return send(
        draw(lock, lock_digest, objects=objects, engine=engine, progress=progress),
        objects=objects,
        engine=engine,
        progress=progress,
    )


def draw(
    lock: Lock, lock_digest: str, *, objects: Objects, engine: ImageEngine, progress: Progress
) -> Composition:
    """The image on paper, checked against what the lock expects; the engine is used only for
    derived layers not yet in the store.

    Raises: as `compose`, without the load.
    """
    from reprobox.image.layer_plan import plan

    composition = plan(lock, lock_digest, objects=objects, engine=engine, progress=progress)
    if lock.image is not None:
        check_expected(composition, lock.image)
    return composition


def check_expected(composition: Composition, expected: Expected) -> None:
    """Raises ImageMismatch, naming what differs."""
    found = expected_differences(composition, expected)
    if found:
        raise ImageMismatch(
            "the lock does not give the image that it names",
            why="\n".join(found),
            next_step="`reprobox build --check` shows whether composing repeats here; if the lock "
            "was edited, lock again",
        )


def expected_differences(composition: Composition, expected: Expected) -> list[str]:
    """What sets a composed image apart from the one that a lock expects, in words."""
    image = composition.image
    found = [
        f"layer {number} '{layer.name}': expected {other}, composed {layer.diff_id}"
        for number, (layer, other) in enumerate(
            zip(composition.layers, expected.diff_ids, strict=False), start=1
        )
        if layer.diff_id != other
    ]
    if len(composition.layers) != len(expected.diff_ids):
        found.append(
            f"layers: expected {len(expected.diff_ids)}, composed {len(composition.layers)}"
        )
    if image.config != expected.config:
        found.append(f"config: expected {expected.config}, composed {image.config}")
    if image.manifest != expected.manifest:
        found.append(f"manifest: expected {expected.manifest}, composed {image.manifest}")
    return found
