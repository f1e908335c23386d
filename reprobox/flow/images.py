"""image diff: two images, named as people name them."""

from __future__ import annotations

from pathlib import Path

from reprobox.errors import RunNotFound
from reprobox.flow import reconcile
from reprobox.flow.box import Box
from reprobox.image import diff as apart
from reprobox.image.diff import ImageDiff
from reprobox.lock import file as lock_file
from reprobox.model.image import tag_of


def diff(box: Box, left: str, right: str) -> ImageDiff:
    """Two images apart. Each is a lock file, a run, or whatever the engine knows by that name.

    Raises:
        ImageMissing: the engine does not have one of them.
        RunAmbiguous: several runs match, and no image does.
    """
    return apart.diff(_reference(box, left), _reference(box, right), engine=box.engine, progress=box.progress)


def _reference(box: Box, name: str) -> str:
    if Path(name).is_file():
        return tag_of(lock_file.digest(lock_file.read(Path(name))))
    if box.engine.inspect(name):
        return name
    try:
        return box.runs.record(reconcile.find(box, name))[0].intent.image.tag
    except RunNotFound:
        return name
