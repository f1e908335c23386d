"""The content of a file that a test makes of bytes, read in the test's own process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats.archives import Unpacker
from reprobox.judge.tensors import Tensor


def opened(folder: Path, name: str, data: bytes, *, limit: int = 1 << 26, depth: int = 0) -> File:
    """A file before it is read; members may unpack to `limit` bytes."""
    (folder / "file").write_bytes(data)
    inside = Unpacker(folder / "unpacked", limit)
    return File(path=folder / "file", name=name, inside=inside, depth=depth)


def content_of(folder: Path, name: str, data: bytes) -> Content:
    """The content of the only file of a test. Raises Unreadable."""
    file = opened(folder, name, data)
    return Unpacker(folder / "unpacked", 1 << 26).read(file.path, name)


def plain(content: Content) -> dict[str, Any]:
    """Its leaves, with the numbers of tensors as lists."""
    return {
        name: leaf.load().tolist() if isinstance(leaf, Tensor) else leaf
        for name, leaf in content.leaves.items()
    }


def rest(content: Content) -> list[tuple[int, int]]:
    """Where bytes begin, and how many, that no leaf holds and that nothing left out."""
    return [(piece.offset, piece.size) for piece in content.rest]
