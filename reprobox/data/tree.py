"""An input tree, path by path, and the manifest that its digest is of.

The manifest has a canonical JSON line a path, `[path, kind, x-bit, size, sha256]`, sorted by the
bytes of the paths. Version 1 has files and links, links as text. Version 2 also has directories
that are empty, and instead of a link that leads out of the tree the file or directory behind it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import field
from json.encoder import encode_basestring_ascii as escaped
from pathlib import Path
from typing import Literal

from reprobox.errors import InputError
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.ports import Bar, Objects

Kind = Literal["file", "link", "dir"]
VERSION = 2
"""Of the manifests that are made now."""
NOTHING = canon.digest_bytes(b"")
_CHUNK = 1 << 20
_MEMO_FROM = 16 << 20
"""Bytes from which a digest is remembered by (device, inode, size, times); smaller ones hash faster
than that.
"""
_SETTLED = 2.0
"""Seconds that a file must have been left alone before equal times prove equal bytes."""
_MANY, _MOST = 200, 500_000
"""Files from which on the digests of a whole tree are remembered together, and up to which: a fact
of its own for each small file would take longer than to hash it.
"""


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a file system says of a file; where none of it moved, nothing was written."""

    device: int
    inode: int
    size: int
    mtime: int
    """Nanoseconds since 1970."""
    ctime: int

    @classmethod
    def of(cls, info: os.stat_result) -> Stamp:
        """From a stat."""
        return cls(
            device=info.st_dev,
            inode=info.st_ino,
            size=info.st_size,
            mtime=info.st_mtime_ns,
            ctime=info.st_ctime_ns,
        )

    @property
    def settled(self) -> bool:
        """Whether the last change is longer ago than the coarsest clock of a file system."""
        return self.settled_at(time.time())

    def settled_at(self, now: float) -> bool:
        """The same at a moment (seconds since 1970) that is not after the stamp was taken."""
        return now - max(self.mtime, self.ctime) / 1e9 > _SETTLED

    @property
    def text(self) -> str:
        """In a word."""
        return f"{self.device}/{self.inode}/{self.size}/{self.mtime}/{self.ctime}"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A path of an input as it was hashed."""

    path: str
    """Below the input; empty where the input is a file."""
    kind: Kind
    where: str
    """The file on this host: behind a link that leads out of the tree, another one than `path`."""
    digest: str
    """Of the bytes, of the link's text, or of nothing for a directory."""
    size: int = 0
    executable: bool = False
    stamp: Stamp | None = None
    """Of a file."""
    settled: bool = True
    """Whether the stamp was old enough when it was taken to prove anything later."""
    followed: bool = False
    """Whether a link that leads out of the tree is on the way to it."""

    @property
    def line(self) -> bytes:
        """Its line in the manifest."""
        return line_of(self.path, self.kind, self.executable, self.size, self.digest)


def line_of(path: str, kind: str, executable: bool, size: int, digest: str) -> bytes:
    """A line of a manifest: canonical JSON (`canon.canonical`), put together here because there may
    be a hundred thousand.
    """
    flag = "true" if executable else "false"
    line = f"[{escaped(path)},{escaped(kind)},{flag},{size},{escaped(digest)}]\n"
    return line.encode("ascii")


def seen(
    source: Path, name: str, objects: Objects, bar: Bar, *, version: int = VERSION
) -> Iterator[Seen]:
    """Everything in an input tree, hashed, in order of the paths' bytes; the lines joined are the
    manifest that the digest is of.

    Args:
        name: the input, for messages.
        objects: remembers digests of files that have settled, of large trees and large files.
        version: of the manifest.

    Raises:
        InputError: it holds something that is neither a file, a directory nor a link; or a link
            that leads out of the tree to nothing, or to a directory around itself.
    """
    now = time.time()
    found = places(source, name, version=version)
    memory = _Memory(source, objects, len(found))
    for place in found:
        yield _seen(place, memory, bar, now)
    memory.keep()


@dataclass(frozen=True, kw_only=True)
class Place:
    """A path of an input tree before it is hashed."""

    path: bytes
    kind: Kind
    where: str
    info: os.stat_result
    followed: bool


def places(source: Path, name: str, *, version: int = VERSION) -> list[Place]:
    """The paths of an input tree in order of their bytes; raises as `seen`."""
    walk = _Walk(name=name, top=os.path.realpath(source), version=version)
    walk.enter(_Folder(os.fspath(source), b"", (walk.top,), followed=False))
    return sorted(walk.found, key=lambda place: place.path)


@dataclass(frozen=True)
class _Folder:
    where: str
    prefix: bytes
    above: tuple[str, ...]
    """Real paths of the tree's top and of the directories that links led to, down to here."""
    followed: bool


@dataclass(kw_only=True)
class _Walk:
    name: str
    top: str
    version: int
    found: list[Place] = field(default_factory=list)
    pending: list[_Folder] = field(default_factory=list)

    def enter(self, first: _Folder) -> None:
        self.pending = [first]
        while self.pending:
            folder = self.pending.pop()
            with os.scandir(folder.where) as entries:
                listed = list(entries)
            for entry in listed:
                self._take(folder, entry.name, entry.path, entry.stat(follow_symlinks=False))
            if not listed and folder.prefix and self.version > 1:
                self._add(folder, folder.prefix[:-1], "dir", folder.where, os.stat(folder.where))

    def _take(self, folder: _Folder, name: str, where: str, info: os.stat_result) -> None:
        path = folder.prefix + os.fsencode(name)
        if stat.S_ISDIR(info.st_mode):
            self.pending.append(_Folder(where, path + b"/", folder.above, folder.followed))
        elif stat.S_ISREG(info.st_mode):
            self._add(folder, path, "file", where, info)
        elif not stat.S_ISLNK(info.st_mode):
            raise self._refused(
                where, "is neither a file, a directory nor a link", "remove it, or name other data"
            )
        elif self.version > 1 and leads_out(where, folder.above[-1]):
            self._follow(folder, path, where)
        else:
            self._add(folder, path, "link", where, info)

    def _add(
        self, folder: _Folder, path: bytes, kind: Kind, where: str, info: os.stat_result
    ) -> None:
        self.found.append(
            Place(path=path, kind=kind, where=where, info=info, followed=folder.followed)
        )

    def _follow(self, folder: _Folder, path: bytes, where: str) -> None:
        real = os.path.realpath(where)
        try:
            info = os.stat(real)
        except OSError as error:
            raise self._refused(
                where,
                f"is a link to {os.readlink(where)}, and that is not there",
                "fetch the data that it stands for (git annex get, dvc pull, datalad get), or "
                "remove the link",
            ) from error
        inner = _Folder(real, path + b"/", (*folder.above, real), followed=True)
        if any(_within(above, real) for above in folder.above):
            raise self._refused(
                where, f"is a link to {real}, which holds the link itself", "remove the link"
            )
        if stat.S_ISDIR(info.st_mode):
            self.pending.append(inner)
        elif stat.S_ISREG(info.st_mode):
            self._add(inner, path, "file", real, info)
        else:
            raise self._refused(
                where, f"is a link to {real}, which is neither a file nor a directory", ""
            )

    def _refused(self, where: str, why: str, next_step: str) -> InputError:
        return InputError(
            f"input {self.name} holds {where}, which {why}",
            next_step=next_step or "remove the link",
        )


def leads_out(where: str, top: str) -> bool:
    """Whether a link leads, by its text or by what is behind it, out of a directory that is mounted
    with it.
    """
    text = os.readlink(where)
    if os.path.isabs(text):
        return True
    inside = os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(where)), text))
    return not all(_within(path, top) for path in (inside, os.path.realpath(where)))


class Silent:
    """A bar that is not shown."""

    def update(self, advance: int, note: str = "") -> None:
        """Shows nothing."""


def link_digest(where: str) -> str:
    """The digest of a link's text."""
    return canon.digest_bytes(os.fsencode(os.readlink(where)))


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


class _Memory:
    """The digests of a tree's files as they were hashed the last time, by their stamps."""

    def __init__(self, source: Path, objects: Objects, count: int) -> None:
        self.objects = objects
        self._wanted = _MANY <= count <= _MOST
        self._key = f"input-tree/1/{os.path.realpath(source)}"
        known = objects.memo(self._key) if self._wanted else None
        lines = known.split("\n") if isinstance(known, str) else []
        self._known = dict(line.split(" ") for line in lines if line.count(" ") == 1)
        self._now: dict[str, str] = {}
        self._more = False

    def digest(self, where: str, stamp: Stamp, settled: bool, bar: Bar) -> str:
        """Of a file's bytes."""
        if not self._wanted or stamp.size >= _MEMO_FROM:
            return digest_of(where, stamp, self.objects, bar)
        text = stamp.text
        known = self._known.get(text)
        if known is not None:
            bar.update(stamp.size)
        else:
            known = _hashed(where, bar)
            self._more = self._more or settled
        if settled:
            self._now[text] = known
        return known

    def keep(self) -> None:
        """Remembers what has settled, where that is more than before."""
        if self._more:
            lines = "\n".join(f"{text} {digest}" for text, digest in self._now.items())
            self.objects.remember(self._key, lines)


def _seen(place: Place, memory: _Memory, bar: Bar, now: float) -> Seen:
    path = os.fsdecode(place.path)
    if place.kind == "dir":
        return Seen(
            path=path, kind="dir", where=place.where, digest=NOTHING, followed=place.followed
        )
    if place.kind == "link":
        return Seen(
            path=path,
            kind="link",
            where=place.where,
            digest=link_digest(place.where),
            executable=bool(place.info.st_mode & 0o100),
            followed=place.followed,
        )
    stamp = Stamp.of(place.info)
    settled = stamp.settled_at(now)
    return Seen(
        path=path,
        kind="file",
        where=place.where,
        digest=memory.digest(place.where, stamp, settled, bar),
        size=place.info.st_size,
        executable=bool(place.info.st_mode & 0o100),
        stamp=stamp,
        settled=settled,
        followed=place.followed,
    )


def file_seen(where: str, objects: Objects, bar: Bar) -> Seen:
    """A file, hashed. Its stamp is from before its first byte was read."""
    now = time.time()
    info = os.stat(where)
    stamp = Stamp.of(info)
    settled = stamp.settled_at(now)
    return Seen(
        path="",
        kind="file",
        where=where,
        digest=digest_of(where, stamp, objects, bar),
        size=info.st_size,
        executable=bool(info.st_mode & 0o100),
        stamp=stamp,
        settled=settled,
    )


def digest_of(where: str, stamp: Stamp, objects: Objects | None, bar: Bar) -> str:
    """The digest of a file's bytes; remembered for large files that have settled."""
    large = objects is not None and stamp.size >= _MEMO_FROM
    key = f"input/{stamp.text}"
    if large and objects and isinstance(known := objects.memo(key), str):
        bar.update(stamp.size)
        return known
    digest = _hashed(where, bar)
    if large and objects and stamp.settled:
        objects.remember(key, digest)
    return digest


def _hashed(where: str, bar: Bar) -> str:
    hasher = hashlib.sha256()
    with open(where, "rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            bar.update(len(chunk))
    return f"sha256:{hasher.hexdigest()}"
