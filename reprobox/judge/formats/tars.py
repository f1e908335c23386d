"""tar: members by name, links and directories too. Each block and its padding is accounted for."""

from __future__ import annotations

import tarfile

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import archives
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Unreadable

_KINDS = {tarfile.DIRTYPE: "directory", tarfile.FIFOTYPE: "fifo"}
_CHUNK = 1 << 20
_SAID = frozenset(
    {"path", "linkpath", "size", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname"}
)
"""Extended headers that say what a plain header says too."""
LEFT_OUT = {
    "times": "times of members",
    "owners": "owners of members",
    "permissions": "permissions of members",
    "dialect": "which dialect of tar was written",
    "order": "order of members",
    "links": "which of several hard links holds the bytes",
    "padding": "zeros that fill the last block of a member and of the file",
}


def _read(file: File) -> Content:
    members, links = archives.Members(file), _HardLinks()
    with tarfile.open(file.path) as tar:
        found: list[tarfile.TarInfo] = []
        for info in tar:
            if len(found) >= getattr(file.inside, "most", 1 << 20):
                raise Unreadable("a tar file of more members than a reader may take")
            found.append(info)
            links.add(info)
        for key, value in sorted(tar.pax_headers.items()):
            members.say(f"<{key}>", str(value))
        for info in found:
            _member(file, members, tar, info, links)
        _end(file, tar.offset)
    return members.content("tar")


def _member(
    file: File,
    members: archives.Members,
    tar: tarfile.TarFile,
    info: tarfile.TarInfo,
    links: _HardLinks,
) -> None:
    _account(file, info)
    for key, value in sorted(info.pax_headers.items()):
        if key not in _SAID and tar.pax_headers.get(key) != value:
            members.say(f"{info.name}!<{key}>", str(value))
    first = links.first(info.name)
    if info.issym():
        members.add(info.name, f"link to {info.linkname}")
    elif info.islnk() and not links.holds(info):
        members.add(info.name, f"hard link to {info.linkname}")
    elif first != info.name:
        members.add(info.name, f"hard link to {first}")
    else:
        stream = tar.extractfile(info)
        other = _KINDS.get(info.type) or f"device {info.type!r} {info.devmajor}:{info.devminor}"
        members.add(info.name, other if stream is None else archives.keep(file, stream))


class _HardLinks:
    """Which names are one file. Which of them holds the bytes is the order of packing only."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._files: set[str] = set()
        self._groups: dict[str, list[str]] = {}

    def add(self, info: tarfile.TarInfo) -> None:
        """Notes a member."""
        if info.isreg():
            self._files.add(info.name)
        if info.islnk() and self.holds(info):
            first = self._first.get(info.linkname, info.linkname)
            self._first[info.name] = first
            self._groups.setdefault(first, [first]).append(info.name)

    def holds(self, info: tarfile.TarInfo) -> bool:
        """Whether what a hard link names is here."""
        return info.linkname in self._files or info.linkname in self._first

    def first(self, name: str) -> str:
        """The first in alphabetical order of all names of this file."""
        return min(self._groups.get(self._first.get(name, name), [name]))


def _account(file: File, info: tarfile.TarInfo) -> None:
    file.leave_out(SEVERAL, info.offset, info.offset_data)
    size = info.size if info.isreg() and not info.issparse() else 0
    if info.issparse():
        return  # its map is read by the library; what it takes in the file is not known, so: rest
    end = info.offset_data + size
    file.read(info.offset_data, end)
    _zeros(file, end, end + -end % tarfile.BLOCKSIZE)


def _zeros(file: File, start: int, end: int) -> None:
    with file.path.open("rb") as stream:
        stream.seek(start)
        if stream.read(end - start) == bytes(end - start):
            file.leave_out("padding", start, end)


def _end(file: File, offset: int) -> None:
    """tarfile ends at a damaged header as it does at the end. Raises Unreadable where there is no
    end, or something behind it.
    """
    with file.path.open("rb") as stream:
        stream.seek(offset)
        chunk = stream.read(_CHUNK)
        if len(chunk) < tarfile.BLOCKSIZE:
            raise Unreadable("a tar file that is cut off")
        while chunk:
            if chunk.strip(b"\0"):
                raise Unreadable(
                    f"a tar file with something behind its end, or a damaged member at {offset}"
                )
            chunk = stream.read(_CHUNK)
    file.leave_out("padding", offset, file.size)


def _is_tar(head: Head) -> bool:
    return head.first[257:262] == b"ustar"


FORMAT = Format(
    name="tar",
    files="tar",
    claims=_is_tar,
    read=_read,
    left_out=LEFT_OUT,
    not_checked={
        "sparse": "sparse members that are packed differently",
        "behind": "anything behind the end but zeros",
    },
)
