"""A lock on paper: every layer with its digest. Engine work happens only for a derived layer that
was never made before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reprobox.errors import ImageError
from reprobox.image import apt_layer, bootstrap, bytecode, conda_link, layer, standalone, venv
from reprobox.image.layer import Inputs, Layer, Recipe, Sink
from reprobox.image.oci_documents import Composition, of_lock
from reprobox.image.paths import BIG_WHEEL, MAX_LAYERS
from reprobox.model.lock import Lock, Wheel
from reprobox.model.ports import ImageEngine, Objects, Progress


def plan(
    lock: Lock, lock_digest: str, *, objects: Objects, engine: ImageEngine, progress: Progress
) -> Composition:
    """Base, apt, standalone interpreter, conda, venv, wheels (biggest first), bytecode.

    Engines key unpacked layers by the chain below them, so what changes least and weighs most is at
    the bottom.

    Raises:
        ImageError: a wheel or package cannot be installed, or there are too many layers.
        FetchError, HashMismatch: bytes that the lock names are absent or damaged.
    """
    found = layers(lock, objects=objects, engine=engine, progress=progress)
    return of_lock(lock, lock_digest, found)


def layers(
    lock: Lock, *, objects: Objects, engine: ImageEngine, progress: Progress
) -> tuple[Layer, ...]:
    """The layers of a lock's image, bottom first. Raises as `plan`."""
    found = base_layers(lock, objects=objects, engine=engine, progress=progress)
    if lock.debs:
        found.append(
            apt_layer.layer(lock, tuple(found), objects=objects, engine=engine, progress=progress)
        )
    found += layer.measure(recipes(lock, len(found), objects), objects, progress)
    if lock.bytecode:
        found.append(
            bytecode.layer(lock, tuple(found), objects=objects, engine=engine, progress=progress)
        )
    return tuple(found)


def base_layers(
    lock: Lock, *, objects: Objects, engine: ImageEngine, progress: Progress
) -> list[Layer]:
    """The layers of the base: composed from packages, or pinned by digest."""
    if lock.base.kind == "debian":
        return [bootstrap.layer(lock, objects=objects, engine=engine, progress=progress)]
    if len(lock.base.diff_ids) > MAX_LAYERS - 10:
        raise ImageError(
            f"the base {lock.base.reference} has {len(lock.base.diff_ids)} layers, more than "
            f"{MAX_LAYERS - 10}",
            why="Engines refuse images of more than about 125 layers.",
            next_step="squash the base, or choose another",
        )
    return [
        layer.stored(name, diff_id, objects)
        for name, diff_id in zip(_base_names(lock), lock.base.diff_ids, strict=True)
    ]


def _base_names(lock: Lock) -> list[str]:
    if lock.base.kind == "debian":
        return [bootstrap.name_of(lock)]
    count = len(lock.base.diff_ids)
    return [f"base {lock.base.reference} ({number}/{count})" for number in range(1, count + 1)]


def names(lock: Lock) -> list[str]:
    """What the layers of a lock's image are called, bottom first; no byte of them is needed for
    that.
    """
    below = [*_base_names(lock), *([apt_layer.name_of(lock)] if lock.debs else [])]
    below += [standalone.name_of(lock.python.standalone)] if lock.python.standalone else []
    below += [conda_link.name_of(lock.conda)] if lock.conda else []
    wheels = [name for name, _ in _wheel_groups(lock, _room(len(below)))]
    return [*below, venv.NAME, *wheels, *([bytecode.NAME] if lock.bytecode else [])]


def recipes(lock: Lock, below: int, objects: Inputs) -> list[Recipe]:
    """The layers that we write ourselves, on top of so many others: environment and wheels."""
    own, version = lock.python.standalone, lock.python.version
    first = [standalone.recipe(own, objects)] if own else []
    first += [conda_link.recipe(lock.conda, version, objects)] if lock.conda else []
    room = _room(below + len(first))
    wheels = [_recipe(name, group, lock, objects) for name, group in _wheel_groups(lock, room)]
    return [*first, venv.recipe(lock.python), *wheels]


def _room(below: int) -> int:
    """Layers that wheels may have: one is for the environment, one for bytecode, one to spare."""
    return MAX_LAYERS - below - 3


def _wheel_groups(lock: Lock, room: int) -> list[tuple[str, list[Wheel]]]:
    """One layer for each big wheel, biggest first, then one for all the others; at most `room`
    layers; each with its name.
    """
    ordered = sorted(lock.wheels, key=lambda wheel: (-wheel.size, wheel.name, wheel.filename))
    big = [wheel for wheel in ordered if wheel.size >= BIG_WHEEL][: max(0, room - 1)]
    small = sorted(set(ordered) - set(big), key=lambda wheel: (wheel.name, wheel.filename))
    found = [(f"wheel {wheel.name} {wheel.version}", [wheel]) for wheel in big]
    if small:
        found.append((f"{len(small)} small wheels", small))
    return found


def _recipe(name: str, wheels: list[Wheel], lock: Lock, objects: Inputs) -> Recipe:
    # The paths are asked for when the layer is written, so that an absent wheel matters only where
    # its bytes are needed.
    from reprobox.image.wheel import write_wheels

    version = lock.python.version
    names = {wheel.name for wheel in wheels}
    contested = sorted(
        (one for one in lock.contested if names & set(one.wheels)), key=lambda one: one.path
    )

    def write(target: Sink) -> None:
        found: list[tuple[Wheel, Path]] = [(wheel, objects.path(wheel.sha256)) for wheel in wheels]
        write_wheels(found, version, target, contested)

    key: dict[str, Any] = {
        "python": version,
        "wheels": [[wheel.filename, wheel.sha256] for wheel in wheels],
    }
    if contested:
        key["contested"] = [[one.path, list(one.wheels), one.sha256] for one in contested]
    return Recipe(name=name, key=key, needs=tuple(wheel.sha256 for wheel in wheels), write=write)
