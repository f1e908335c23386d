"""The files of an image as its layers leave them: later layers win, whiteouts hide (image-spec,
layer.md).
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from reprobox.kit.lazy_dataclass import dataclass

_OPAQUE = ".wh..wh..opq"
_WHITEOUT = ".wh."
_MAX_LINKS = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a path's bytes are."""

    layer: Path
    kind: bytes
    link: str
    offset: int
    size: int
    mode: int


class Tree:
    """Paths are relative to the image's root and have no leading slash."""

    def __init__(self, layers: Iterable[Path]) -> None:
        self._entries: dict[str, Entry] = {}
        for layer in layers:
            self._add(layer)

    def _add(self, layer: Path) -> None:
        added: dict[str, Entry] = {}
        hidden: set[str] = set()
        with tarfile.open(layer, "r:") as tar:
            for member in tar:
                path = posixpath.normpath(member.name).lstrip("/")
                directory, name = posixpath.split(path)
                if name == _OPAQUE:
                    hidden.add(f"{directory}/")
                elif name.startswith(_WHITEOUT):
                    gone = posixpath.join(directory, name.removeprefix(_WHITEOUT))
                    hidden.update((gone, f"{gone}/"))
                else:
                    added[path] = Entry(
                        layer,
                        member.type,
                        member.linkname,
                        member.offset_data,
                        member.size,
                        member.mode,
                    )
                    if not member.isdir():
                        hidden.add(f"{path}/")
        kept = (
            {path: entry for path, entry in self._entries.items() if not _is_hidden(path, hidden)}
            if hidden
            else self._entries
        )
        self._entries = {**kept, **added}

    def __contains__(self, path: str) -> bool:
        return self.find(path) is not None

    def paths(self, prefix: str = "") -> Iterator[str]:
        """Paths that start so, sorted."""
        return iter(sorted(path for path in self._entries if path.startswith(prefix)))

    def find(self, path: str) -> Entry | None:
        """The entry that a path leads to, links followed inside the image; None when it leads
        nowhere.
        """
        walked = ""
        todo = [part for part in path.split("/") if part]
        for _ in range(_MAX_LINKS):
            while todo:
                walked = posixpath.normpath(posixpath.join(walked, todo.pop(0)))
                entry = self._entries.get(walked)
                if entry is not None and entry.kind == tarfile.SYMTYPE:
                    break
            else:
                return self._entries.get(walked)
            target = posixpath.join("/", posixpath.dirname(walked), entry.link)
            todo = [part for part in posixpath.normpath(target).split("/") if part] + todo
            walked = ""
        return None

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None when there is no such file."""
        entry = self.find(path)
        if entry is not None and entry.kind == tarfile.LNKTYPE:
            entry = self.find(posixpath.normpath(entry.link).lstrip("/"))
        if entry is None or entry.kind not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            return None
        with entry.layer.open("rb") as file:
            file.seek(entry.offset)
            return file.read(entry.size)


def _is_hidden(path: str, hidden: set[str]) -> bool:
    """By its own name (whiteout), or by `directory/` (opaque, or replaced by a file)."""
    if path in hidden:
        return True
    parent = posixpath.dirname(path)
    while parent:
        if f"{parent}/" in hidden:
            return True
        parent = posixpath.dirname(parent)
    return "/" in hidden
