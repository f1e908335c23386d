"""`build --check`: is composing repeatable here? Everything is made a second time, under other
circumstances, and compared.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reprobox.errors import ImageError
from reprobox.image import apt_layer, bootstrap, bytecode, layer_listing, layer_plan
from reprobox.image.compose import expected_differences
from reprobox.image.layer import Layer
from reprobox.image.oci_documents import Composition
from reprobox.kit import canon, proc
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.units import counted
from reprobox.model import codec
from reprobox.model.lock import Lock
from reprobox.model.ports import ImageEngine, Objects, Progress

_UMASK = 0o077
_SURROUNDINGS = {
    "PYTHONHASHSEED": "4242",
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "C",
    "LANG": "C",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that did not repeat."""

    layer: str
    """Its name, or `config`, `manifest`, `lock`."""
    path: str
    """The file in the layer; empty for the whole."""
    what: str


def check(
    lock: Lock, lock_digest: str, *, objects: Objects, engine: ImageEngine, progress: Progress
) -> list[Difference]:
    """Composes a second time and compares; empty when everything repeats.

    What this program writes (environment, wheels, config) is written again by another process with
    another clock, umask, locale, time zone, hash seed, temporary directory and order of the lock's
    lists. What a container made (base of packages, system packages, bytecode) is made again in a
    new container. What the lock expects is compared too.

    Raises:
        ImageError, FetchError, HashMismatch: as composing does.
    """
    first = layer_plan.plan(lock, lock_digest, objects=objects, engine=engine, progress=progress)
    found = []
    if lock.image is not None:
        found += [
            Difference(layer="lock", path="", what=text)
            for text in expected_differences(first, lock.image)
        ]
    found += _steps(lock, first, objects=objects, engine=engine, progress=progress)
    with (
        progress.task("compose again in another process"),
        tempfile.TemporaryDirectory(prefix="reprobox-check-") as folder,
    ):
        found += _written(lock, lock_digest, first, Path(folder), objects)
    return found


def _steps(
    lock: Lock, first: Composition, *, objects: Objects, engine: ImageEngine, progress: Progress
) -> Iterator[Difference]:
    """The layers that containers make, each in a new one."""
    below = len(lock.base.diff_ids)
    if lock.base.kind == "debian":
        below = 1
        made = bootstrap.layer(lock, objects=objects, engine=engine, progress=progress, again=True)
        yield from _compared(first.layers[0], made, objects)
    if lock.debs:
        made = apt_layer.layer(
            lock,
            first.layers[:below],
            objects=objects,
            engine=engine,
            progress=progress,
            again=True,
        )
        yield from _compared(first.layers[below], made, objects)
    if lock.bytecode:
        made = bytecode.layer(
            lock, first.layers[:-1], objects=objects, engine=engine, progress=progress, again=True
        )
        yield from _compared(first.layers[-1], made, objects)


def _compared(first: Layer, second: Layer, objects: Objects) -> Iterator[Difference]:
    if first.diff_id != second.diff_id:
        yield from _files(first.name, objects.path(first.diff_id), objects.path(second.diff_id))


def _files(name: str, first: Path, second: Path) -> Iterator[Difference]:
    with first.open("rb") as left, second.open("rb") as right:
        differing = layer_listing.compare(layer_listing.read(left)[0], layer_listing.read(right)[0])
    for path, what in differing.items():
        yield Difference(layer=name, path=path, what=what)
    if not differing:
        yield Difference(layer=name, path="", what="the same files in another order or tar form")


def _written(
    lock: Lock, lock_digest: str, first: Composition, folder: Path, objects: Objects
) -> Iterator[Difference]:
    below = len(lock.base.diff_ids) if lock.base.kind != "debian" else 1
    below += 1 if lock.debs else 0
    end = len(first.layers) - (1 if lock.bytecode else 0)
    answer = _ask(
        {
            "lock": codec.to_json(lock),
            "lock_digest": lock_digest,
            "paths": {
                digest: str(objects.path(digest))
                for digest in (
                    *(wheel.sha256 for wheel in lock.wheels),
                    *(package.sha256 for package in lock.conda),
                    *(own.sha256 for own in (lock.python.standalone,) if own),
                )
            },
            "below": [_fact(one) for one in first.layers[:below]],
            "above": [_fact(one) for one in first.layers[end:]],
            "expected": list(first.image.diff_ids),
            "folder": str(folder),
            "umask": _UMASK,
        },
        folder,
    )
    yield from _answered(answer, first, folder)


def _fact(one: Layer) -> dict[str, Any]:
    return {"name": one.name, "diff_id": one.diff_id, "size": one.size}


def _ask(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    env = {
        **_SURROUNDINGS,
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": path,
        "TMPDIR": str(folder),
        "HOME": str(folder),
    }
    done = proc.run(
        [sys.executable, "-m", "reprobox.image.recompose"],
        cwd=folder,
        env=env,
        stdin=canon.canonical(request),
    )
    if not done.ok:
        raise ImageError(
            "the second composition failed",
            why=done.error_text,
            next_step="report this with the lock",
        )
    answer: dict[str, Any] = canon.parse(done.out)
    return answer


def _answered(answer: dict[str, Any], first: Composition, folder: Path) -> Iterator[Difference]:
    if len(answer["layers"]) != len(first.layers):
        yield Difference(
            layer="manifest",
            path="",
            what=f"{len(first.layers)} and {counted(len(answer['layers']), 'layer')}",
        )
    for number, path in answer["files"].items():
        one = first.layers[int(number)]
        ours = folder / "first.tar"
        with ours.open("wb") as file:
            one.write(file)
        yield from _files(one.name, ours, Path(path))
    if answer["config"] != first.image.config:
        yield Difference(
            layer="config", path="", what=f"{first.image.config} and {answer['config']}"
        )
    if answer["manifest"] != first.image.manifest:
        yield Difference(
            layer="manifest", path="", what=f"{first.image.manifest} and {answer['manifest']}"
        )
