"""build: Lock -> Image, found in the engine or composed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reprobox.context import Context
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock import lock_file
from reprobox.model.image import EngineImage, Image
from reprobox.model.lock import Expected, Lock

if TYPE_CHECKING:
    from reprobox.image.recompose_check import Difference
from reprobox.commands.lock import _complete, _noted, contested_lines, lock_path
from reprobox.commands.shared.load_config import load_spec


@dataclass(frozen=True, kw_only=True)
class Built:
    """An image, and how it came to be here: `found` in the engine or `composed`."""

    image: Image
    there: EngineImage
    """As the engine holds it."""
    how: str
    lock_changed: bool = False


def build(context: Context, config: Path, *, offline: bool = False) -> Built:
    """Finds or composes the image of the config's lock; the first time, writes what came out into
    the lock.
    """
    spec, path = load_spec(context, config)
    found = _noted(spec, path)
    built = ensure_image(context, found, offline=offline)
    expected = Expected(
        config=built.image.config, manifest=built.image.manifest, diff_ids=built.image.diff_ids
    )
    if found.image == expected:
        return built
    lock_file.write(lock_path(spec, path), replace(found, image=expected))
    return replace(built, lock_changed=True)


def ensure_image(context: Context, lock: Lock, *, offline: bool = False) -> Built:
    """The lock's image in the engine, composed if it is not there; nothing is written."""
    from reprobox.image import compose

    digest = lock_file.digest(lock)
    if found := compose.find(lock, digest, context.engine):
        image, there = found
        return Built(image=image, there=there, how="found")
    _complete(context, lock, offline=offline)
    for text in contested_lines(lock.contested):
        context.progress.note(text)
    image = compose.compose(
        lock, digest, objects=context.objects, engine=context.engine, progress=context.progress
    )
    from reprobox.image.engine_check import held

    return Built(image=image, there=held(context.engine, image), how="composed")


def check(context: Context, config: Path) -> list[Difference]:
    """Composes the lock's image again under other conditions; what differs."""
    from reprobox.image import recompose_check as again

    spec, path = load_spec(context, config)
    found = _noted(spec, path)
    _complete(context, found)
    return again.check(
        found,
        lock_file.digest(found),
        objects=context.objects,
        engine=context.engine,
        progress=context.progress,
    )
