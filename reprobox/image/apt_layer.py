"""The layer of the system packages: installed from pinned files in a container without network,
normalised, kept in the store.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from reprobox.image import normalise, step
from reprobox.image.layer import Layer, check_objects, memo_key, spooled, stored
from reprobox.image.package_step import NOTHING_STARTS, STARTS_AGAIN, carry, newest
from reprobox.model.lock import Lock
from reprobox.model.ports import ImageEngine, Objects, Progress

_SCRIPT = f"""\
umask 022
cd /{normalise.DEBS}
{NOTHING_STARTS}
dpkg --force-depends --force-unsafe-io --force-confnew --unpack ./*.deb
dpkg --force-unsafe-io --force-confnew --configure --pending
dpkg --audit
{STARTS_AGAIN}
"""


def layer(
    lock: Lock,
    below: tuple[Layer, ...],
    *,
    objects: Objects,
    engine: ImageEngine,
    progress: Progress,
    again: bool = False,
) -> Layer:
    """The apt layer on top of the base.

    Args:
        again: make it also where it is in the store (for `build --check`); nothing is remembered
            then.

    Raises:
        ImageError: the packages do not install.
        FetchError, HashMismatch: a package is absent or damaged.
    """
    packages = tuple(sorted(lock.debs, key=lambda package: (package.name, package.architecture)))
    name = name_of(lock)
    key = key_of(lock, [one.diff_id for one in below])
    known = objects.memo(key)
    if isinstance(known, str) and objects.has(known) and not again:
        return stored(name, known, objects)
    check_objects(name, (package.sha256 for package in packages), objects)
    epoch = newest(packages, objects)
    with (
        progress.task(f"install {name}"),
        tempfile.TemporaryDirectory(prefix="reprobox-apt-") as folder,
    ):
        layers = (
            *below,
            spooled("packages", lambda sink: carry(packages, objects, sink), Path(folder)),
        )
        with step.run(
            "apt",
            layers,
            _SCRIPT,
            epoch=epoch,
            platform=lock.platform,
            objects=objects,
            engine=engine,
            progress=progress,
        ) as done:
            changes = done.changes()
            owned = normalise.directories(objects.path(one.diff_id) for one in below)
            diff_id, _ = normalise.keep(
                done.export(),
                lambda files: normalise.layer_names(files, changes, owned),
                clamp=epoch,
                objects=objects,
            )
    if not again:
        objects.remember(key, diff_id)
    return stored(name, diff_id, objects)


def name_of(lock: Lock) -> str:
    """The layer's name in the image's history."""
    return f"apt {len(lock.debs)} packages"


def key_of(lock: Lock, below: Sequence[str]) -> str:
    """The memo of the apt layer's digest: the packages and the layers below them decide it."""
    packages = sorted(lock.debs, key=lambda package: (package.name, package.architecture))
    return memo_key(
        "apt/2", [list(below), [[package.name, package.sha256] for package in packages]]
    )
