"""What the two package steps (base and apt) share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, cast

from reprobox.image import deb
from reprobox.image.layer import Sink
from reprobox.image.normalise import DEBS
from reprobox.kit.tar import TarStream, entry
from reprobox.model.lock import Deb
from reprobox.model.ports import Objects

NOTHING_STARTS = (
    "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d"
)
"""No maintainer script starts a daemon in a build step (invoke-rc.d(8))."""
STARTS_AGAIN = "rm -f /usr/sbin/policy-rc.d"


def newest(packages: Iterable[Deb], objects: Objects) -> int:
    """When the newest package was built: a time that the lock decides; seconds since 1970."""
    return max(deb.built(objects.path(package.sha256)) for package in packages)


def carry(packages: Iterable[Deb], objects: Objects, target: Sink) -> None:
    """A tar of the packages themselves, for a temporary image: no bind mount, so the engine may be
    anywhere.
    """
    stream = TarStream(cast("IO[bytes]", target))
    stream.directory(DEBS)
    for package in packages:
        path = objects.path(package.sha256)
        info = entry(f"{DEBS}/{package.name}_{package.architecture}.deb", size=path.stat().st_size)
        with path.open("rb") as file:
            stream.stream(info, file)
    stream.close()
