"""What is in a layer, file by file; and how two listings differ, in words."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from typing import IO

from reprobox.kit.lazy_dataclass import dataclass

_CHUNK = 1 << 20
_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.LNKTYPE: "hard link",
    tarfile.SYMTYPE: "link",
    tarfile.DIRTYPE: "directory",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "fifo",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A member of a layer."""

    kind: str
    mode: int
    owner: str
    """`uid:gid`"""
    size: int
    mtime: int
    link: str = ""
    sha256: str = ""
    capability: str = ""
    """File capabilities (security.capability), as escaped text."""


def read(
    file: IO[bytes], keep: Callable[[str], bool] = lambda _path: False
) -> tuple[dict[str, Entry], dict[str, bytes]]:
    """The members of a layer tar (compressed or not) by path, and the bytes of those that `keep`
    wants.

    Raises:
        tarfile.TarError: the file is not a tar.
    """
    entries: dict[str, Entry] = {}
    kept: dict[str, bytes] = {}
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for member in archive:
            path = member.name.removeprefix("./").strip("/")
            entries[path] = _entry(archive, member)
            if member.isreg() and keep(path):
                source = archive.extractfile(member)
                kept[path] = source.read() if source is not None else b""
    return entries, kept


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    return Entry(
        kind=_KINDS.get(member.type, "other"),
        mode=member.mode,
        owner=f"{member.uid}:{member.gid}",
        size=member.size,
        mtime=int(member.mtime),
        link=member.linkname,
        sha256=_hash(archive, member) if member.isreg() else "",
        capability=ascii(member.pax_headers.get("SCHILY.xattr.security.capability", ""))[1:-1],
    )


def _hash(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    source = archive.extractfile(member)
    hasher = hashlib.sha256()
    while source is not None and (chunk := source.read(_CHUNK)):
        hasher.update(chunk)
    return "sha256:" + hasher.hexdigest()


def compare(left: dict[str, Entry], right: dict[str, Entry]) -> dict[str, str]:
    """Path to what differs, in words, sorted; empty when the listings are equal."""
    found = {}
    for path in sorted(left.keys() | right.keys()):
        words = _words(left.get(path), right.get(path))
        if words:
            found[path] = words
    return found


def _words(left: Entry | None, right: Entry | None) -> str:
    if left is None:
        return "only in the second"
    if right is None:
        return "only in the first"
    if left.kind != right.kind:
        return f"{left.kind} and {right.kind}"
    found = []
    if left.sha256 != right.sha256:
        found.append(f"content ({left.size} and {right.size} bytes)")
    if left.mode != right.mode:
        found.append(f"mode {left.mode:o} and {right.mode:o}")
    for name in ("owner", "mtime", "link", "capability"):
        ours, theirs = getattr(left, name), getattr(right, name)
        if ours != theirs:
            found.append(f"{name} {ours} and {theirs}")
    return ", ".join(found)
