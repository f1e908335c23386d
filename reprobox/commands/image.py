"""image diff: two images, named as people name them."""

from __future__ import annotations

from pathlib import Path

from reprobox.context import Context
from reprobox.errors import RunNotFound
from reprobox.executor import reconcile
from reprobox.image import image_diff as apart
from reprobox.image.image_diff import ImageDiff
from reprobox.lock import lock_file
from reprobox.model.image import tag_of


def diff(context: Context, left: str, right: str) -> ImageDiff:
    """Two images apart. Each is a lock file, a run, or whatever the engine knows by that name.

    Raises:
        ImageMissing: the engine does not have one of them.
        RunAmbiguous: several runs match, and no image does.
    """
    return apart.diff(
        _reference(context, left),
        _reference(context, right),
        engine=context.engine,
        progress=context.progress,
    )


def _reference(context: Context, name: str) -> str:
    if Path(name).is_file():
        return tag_of(lock_file.digest(lock_file.read(Path(name))))
    if context.engine.inspect(name):
        return name
    try:
        return context.runs.record(reconcile.find(context, name))[0].intent.image.tag
    except RunNotFound:
        return name
