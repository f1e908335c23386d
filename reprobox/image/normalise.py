"""A container's file system as one layer that is the same on every run and every engine.

What differs between two installs of the same packages was measured: caches, logs, machine ids,
times. All of that is dropped or clamped; owners, modes, hard links and file capabilities are kept;
members are sorted.
"""

from __future__ import annotations

import fnmatch
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, cast

from reprobox.image.layer import Sink
from reprobox.kit.canon import Digest
from reprobox.kit.regex import regex
from reprobox.kit.tar import TarStream
from reprobox.model.ports import Objects

DEBS = ".reprobox-debs"
"""Where a temporary image carries packages; never part of a layer."""

_DROPPED_CONTENT = (
    "dev/*", "proc/*", "sys/*", "run/*", "tmp/*", "var/tmp/*",
    "var/cache/apt/*", "var/cache/ldconfig/*", "var/cache/man/*", "var/lib/apt/lists/*",
    "var/lib/apt/extended_states",
    "var/log/*",
    "root/.bash_history", "root/.wget-hsts",
    # documentation, as Debian's own container images leave it out; the copyright files stay
    "usr/share/man/*", "usr/share/info/*", "usr/share/groff/*", "usr/share/lintian/*",
    "usr/share/linda/*",
)  # fmt: skip
_DROPPED = (
    ".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", "etc/machine-id",
    "etc/.pwd.lock",
    "run/.containerenv", "var/lib/dbus/machine-id",
    "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-",
    "var/cache/debconf/*-old", "var/lib/dpkg/*-old", "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/triggers/Lock", "var/lib/systemd/random-seed", "var/lib/systemd/catalog/database",
    DEBS, DEBS + "/*",
)  # fmt: skip
_DROP = regex("|".join(fnmatch.translate(pattern) for pattern in (*_DROPPED_CONTENT, *_DROPPED)))
_TRIMMED = regex(r"usr/share/(?:doc|locale)/.+")
_KEPT_DOC = regex(r"usr/share/doc/[^/]+(?:/copyright)?|usr/share/locale/locale\.alias")
_CAPABILITY = "SCHILY.xattr.security.capability"


def dropped(path: str) -> bool:
    """Whether a path (no leading slash) is never part of a layer."""
    if _DROP.fullmatch(path):
        return True
    return _TRIMMED.fullmatch(path) is not None and _KEPT_DOC.fullmatch(path) is None


class FileSystem:
    """An exported root file system, spooled to a temporary file so that it can be written in
    another order.
    """

    def __init__(self, spool: IO[bytes]) -> None:
        self._spool = tarfile.open(fileobj=spool, mode="r:")  # noqa: SIM115
        self.members: dict[str, tarfile.TarInfo] = {}
        for member in self._spool:
            name = member.name.strip("/")
            if name not in ("", "."):
                self.members[name.removeprefix("./")] = member
        self._origin = {name: self._resolve(name) for name in self.members}

    def _resolve(self, name: str) -> str:
        """The member that holds the bytes of a hard link."""
        seen = {name}
        while self.members[name].islnk():
            name = self.members[name].linkname.strip("/").removeprefix("./")
            if name in seen or name not in self.members:
                raise tarfile.ReadError(f"hard link to nowhere: {name}")
            seen.add(name)
        return name

    def write(
        self, target: Sink, names: Iterable[str], *, clamp: int, removed: Iterable[str] = ()
    ) -> None:
        """Writes members in sorted order, without what they had by accident.

        Args:
            names: the members that the layer has; what is dropped is left out here.
            clamp: seconds since 1970; nothing is younger, and every directory has this time.
            removed: paths of the layers below that are gone, written as whiteouts (image-spec,
                layer.md).
        """
        members: dict[str, str | None] = {name: name for name in names if not dropped(name)}
        members.update({_whiteout(path): None for path in removed if not dropped(path)})
        first: dict[str, str] = {}
        tar = TarStream(cast("IO[bytes]", target))
        for path in sorted(members, key=os.fsencode):
            name = members[path]
            if name is None:
                tar.stream(_fixed(tarfile.TarInfo(path), path, clamp))
            else:
                self._add(tar, name, first, clamp)
        tar.close()

    def _add(self, tar: TarStream, name: str, first: dict[str, str], clamp: int) -> None:
        origin = self._origin[name]
        source = self.members[origin]
        info = _fixed(source, name, clamp)
        if source.isreg() and origin in first:
            info.type, info.linkname, info.size = tarfile.LNKTYPE, first[origin], 0
            tar.stream(info)
            return
        first[origin] = name
        tar.stream(info, self._spool.extractfile(source) if source.isreg() else None)


def _whiteout(path: str) -> str:
    head, _, tail = path.rpartition("/")
    return f"{head}/.wh.{tail}" if head else f".wh.{tail}"


def _fixed(source: tarfile.TarInfo, name: str, clamp: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = source.type, source.linkname, source.mode
    info.uid, info.gid, info.size = source.uid, source.gid, source.size
    info.devmajor, info.devminor = source.devmajor, source.devminor
    info.mtime = clamp if source.isdir() else min(int(source.mtime), clamp)
    if _CAPABILITY in source.pax_headers:
        info.pax_headers = {_CAPABILITY: source.pax_headers[_CAPABILITY]}
    if not source.isreg():
        info.size = 0
    return info


def keep(
    export: Iterator[bytes],
    choose: Callable[[FileSystem], tuple[Iterable[str], Iterable[str]]],
    *,
    clamp: int,
    objects: Objects,
) -> tuple[Digest, int]:
    """Spools an export, writes the chosen members as a layer, and puts the layer into the store;
    its digest and size.

    Args:
        choose: given the file system, the names to write and the paths that were removed.
    """
    with tempfile.TemporaryDirectory(prefix="reprobox-layer-") as folder:
        with tempfile.TemporaryFile(dir=folder) as spool:
            for chunk in export:
                spool.write(chunk)
            spool.seek(0)
            files = FileSystem(spool)
            names, removed = choose(files)
            path = Path(folder, "layer.tar")
            with path.open("wb") as target:
                files.write(target, names, clamp=clamp, removed=removed)
        size = path.stat().st_size
        return objects.put_file(path, move=True), size


Owned = tuple[int, int, int]
"""Mode, uid and gid of a directory."""


def directories(layers: Iterable[Path]) -> dict[str, Owned]:
    """The directories that some layers leave, to distinguish a changed mode from a changed content;
    whiteouts do not matter for that.
    """
    found: dict[str, Owned] = {}
    for layer in layers:
        with tarfile.open(layer, "r:") as tar:
            found.update({_plain(member.name): _owned(member) for member in tar if member.isdir()})
    return found


def _plain(name: str) -> str:
    return name.strip("/").removeprefix("./")


def _owned(member: tarfile.TarInfo) -> Owned:
    return member.mode & 0o7777, member.uid, member.gid


def layer_names(
    files: FileSystem, changes: Iterable[tuple[int, str]], below: Mapping[str, Owned] | None = None
) -> tuple[list[str], list[str]]:
    """Of `docker diff` (0 modified, 1 added, 2 deleted): the members to write, and the deleted
    paths.

    Every directory above a member is written with it. A directory that is only "modified" is
    written for itself where its mode or owner is another than below: engines say "modified" of each
    directory in which anything changed, dropped things too.

    Args:
        below: from `directories`, of the layers below; None where no step changes modes.
    """
    removed: list[str] = []
    names: set[str] = set()
    for kind, path in changes:
        name = path.strip("/")
        if kind == 2:
            removed.append(name)
        elif (
            name in files.members
            and not dropped(name)
            and (kind == 1 or _changed(name, files, below))
        ):
            names.update(_with_parents(name))
    return [name for name in names if name in files.members], removed


def _changed(name: str, files: FileSystem, below: Mapping[str, Owned] | None) -> bool:
    member = files.members[name]
    return not member.isdir() or (below is not None and _owned(member) != below.get(name))


def _with_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition("/")[0]
