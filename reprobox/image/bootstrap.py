"""A Debian base from pinned packages: no debootstrap, no mmdebstrap, no root on this host.

The packages are unpacked here into a first layer (that is what makes a shell and dpkg run), and one
container step then installs them properly: the second stage of debootstrap(8), with the packages at
hand as a layer of a temporary image. What comes out is normalised into one layer and kept, found
again by the packages' hashes.
"""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import IO, cast

from reprobox.errors import ImageError
from reprobox.image import deb, normalise, step
from reprobox.image.layer import Layer, Sink, check_objects, memo_key, spooled, stored
from reprobox.image.package_step import NOTHING_STARTS, STARTS_AGAIN, carry, newest
from reprobox.kit.tar import TarStream, entry
from reprobox.kit.units import counted
from reprobox.model.lock import Deb, Lock
from reprobox.model.ports import ImageEngine, Objects, Progress

_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Top-level directories that are links into usr (usrmerge, mandatory since Debian 12)."""

_FIRST = ("base-passwd", "base-files", "dpkg", "libc6", "perl-base", "mawk", "debconf")
"""Installed one after another before all others, as debootstrap does: maintainer scripts use them
without saying so.
"""

_SCRIPT = f"""\
umask 022
cd /{normalise.DEBS}
mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers /var/log
: > /var/lib/dpkg/status
: > /var/lib/dpkg/available
cp /usr/share/base-passwd/passwd.master /etc/passwd
cp /usr/share/base-passwd/group.master /etc/group
[ -e /etc/localtime ] || ln -s /usr/share/zoneinfo/UTC /etc/localtime
{NOTHING_STARTS}
options="--force-depends --force-unsafe-io --force-confnew --force-overwrite"
for name in {" ".join(_FIRST)}; do
  for file in "$name"_*.deb; do if [ -e "$file" ]; then dpkg $options --install "$file"; fi; done
done
dpkg $options --unpack ./*.deb
dpkg --force-unsafe-io --force-confnew --configure --pending
dpkg --audit
{STARTS_AGAIN}
"""


def layer(
    lock: Lock, *, objects: Objects, engine: ImageEngine, progress: Progress, again: bool = False
) -> Layer:
    """The base layer.

    Args:
        again: make it also where it is in the store (for `build --check`); nothing is remembered
            then.

    Raises:
        ImageError: the packages do not make a system.
        FetchError, HashMismatch: a package is absent or damaged.
    """
    name = name_of(lock)
    packages = tuple(
        sorted(lock.base.packages, key=lambda package: (package.name, package.architecture))
    )
    key = key_of(lock)
    known = objects.memo(key)
    if isinstance(known, str) and objects.has(known) and not again:
        return stored(name, known, objects)
    with progress.task(f"compose {name}: {counted(len(packages), 'package')}"):
        diff_id = _make(packages, lock.platform, objects=objects, engine=engine, progress=progress)
    if not again:
        objects.remember(key, diff_id)
    return stored(name, diff_id, objects)


def name_of(lock: Lock) -> str:
    """The layer's name in the image's history."""
    return f"base {lock.base.kind} {lock.base.reference}"


def key_of(lock: Lock) -> str:
    """The memo that holds the base layer's digest: the packages decide it."""
    packages = sorted(lock.base.packages, key=lambda package: (package.name, package.architecture))
    return memo_key("base", [[package.name, package.sha256] for package in packages])


def _make(
    packages: tuple[Deb, ...],
    platform: str,
    *,
    objects: Objects,
    engine: ImageEngine,
    progress: Progress,
) -> str:
    if not packages:
        raise ImageError(
            "the lock's base has no packages",
            why="A Debian base is made of them.",
            next_step="reprobox lock --upgrade",
        )
    check_objects("base packages", (package.sha256 for package in packages), objects)
    epoch = newest(packages, objects)
    with tempfile.TemporaryDirectory(prefix="reprobox-base-") as folder:
        layers = (
            spooled(
                "unpacked packages", lambda sink: _unpack(packages, objects, sink), Path(folder)
            ),
            spooled("packages", lambda sink: carry(packages, objects, sink), Path(folder)),
        )
        with step.run(
            "base",
            layers,
            _SCRIPT,
            epoch=epoch,
            platform=platform,
            objects=objects,
            engine=engine,
            progress=progress,
        ) as done:
            digest, _ = normalise.keep(
                done.export(), lambda files: (list(files.members), ()), clamp=epoch, objects=objects
            )
    return digest


def _unpack(packages: tuple[Deb, ...], objects: Objects, target: Sink) -> None:
    """All files of all packages in one tar, the usr-merge links first."""
    stream = TarStream(cast("IO[bytes]", target))
    stream.directory("usr")
    for top in _MERGED:
        stream.directory(f"usr/{top}")
        stream.symlink(top, f"usr/{top}")
    written = {"usr", *(f"usr/{top}" for top in _MERGED)}
    for package in packages:
        with deb.data(objects.path(package.sha256), package.name) as archive:
            for member in archive:
                _add(stream, archive, member, written)
    stream.close()


def _add(
    stream: TarStream, archive: tarfile.TarFile, member: tarfile.TarInfo, written: set[str]
) -> None:
    name = _merged(member.name)
    if name in ("", *_MERGED) or normalise.dropped(name) or (member.isdir() and name in written):
        return
    written.add(name)
    info = entry(
        name,
        mode=member.mode,
        size=member.size,
        kind=member.type,
        link=member.linkname,
        mtime=int(member.mtime),
    )
    info.uid, info.gid = member.uid, member.gid
    if member.islnk():
        info.linkname = _merged(member.linkname)
    stream.stream(info, archive.extractfile(member) if member.isreg() else None)


def _merged(path: str) -> str:
    """A path of a package below usr, where the top-level directory is a link."""
    path = path.removeprefix("./").strip("/")
    path = "" if path == "." else path
    top, _, rest = path.partition("/")
    return f"usr/{top}/{rest}" if rest and top in _MERGED else path
