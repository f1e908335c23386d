"""A standalone interpreter (python-build-standalone, `install_only`) as a layer: its archive at
`opt/python`, with the owners and modes of every layer, and its notes for compilers made true.
"""

from __future__ import annotations

import re
import tarfile
from typing import IO, cast

from reprobox.errors import ImageError
from reprobox.image.layer import Inputs, Recipe, Sink
from reprobox.image.wheel import write_parents
from reprobox.image.wheel_source import safe
from reprobox.kit.regex import regex
from reprobox.kit.tar import TarStream, entry
from reprobox.model.lock import STANDALONE, Standalone

_BROKEN = (tarfile.TarError, ValueError, KeyError, OSError, EOFError)
# What extensions are compiled by (`sysconfig`) names the machine that built the interpreter; uv
# corrects the same words when it installs one.
_NOTES = regex(r"lib/python3\.\d+/_sysconfigdata_[^/]+\.py|lib/pkgconfig/[^/]+\.pc")
_WORDS = (
    (regex(rb"/install(?=[/'\"\s]|$)", re.MULTILINE), f"/{STANDALONE}".encode()),
    (regex(rb"\bclang\+\+"), b"c++"),
    (regex(rb"\bclang\b"), b"cc"),
    (regex(rb"[\w./-]*\bllvm-ar\b"), b"ar"),
)


def name_of(own: Standalone) -> str:
    """The layer's name in the image's history."""
    return f"python {own.version} (standalone)"


def recipe(own: Standalone, objects: Inputs) -> Recipe:
    """The layer of an interpreter."""

    def write(target: Sink) -> None:
        try:
            with tarfile.open(objects.path(own.sha256)) as archive:
                _write(archive, target)
        except _BROKEN as error:
            raise ImageError(
                f"{own.filename} cannot be unpacked",
                why=f"{type(error).__name__}: {error}",
                next_step="fetch another one with `reprobox lock --upgrade`",
            ) from error

    return Recipe(
        name=name_of(own),
        key={"standalone": [own.filename, own.sha256]},
        needs=(own.sha256,),
        write=write,
    )


def _write(archive: tarfile.TarFile, target: Sink) -> None:
    stream = TarStream(cast("IO[bytes]", target))
    folders: set[str] = set()
    members = {_place(member.name): member for member in archive if not member.isdir()}
    for place, member in sorted(members.items()):
        write_parents(stream, f"{STANDALONE}/{place}", folders)
        if member.issym():
            stream.symlink(f"{STANDALONE}/{place}", member.linkname)
            continue
        source = archive.extractfile(member)
        if source is None:
            raise ValueError(f"{member.name} is neither a file nor a link")
        mode = 0o755 if member.mode & 0o100 else 0o644
        if _NOTES.fullmatch(place):
            stream.file(f"{STANDALONE}/{place}", _corrected(source.read()), mode)
        else:
            real = members[_place(member.linkname)] if member.islnk() else member
            info = entry(f"{STANDALONE}/{place}", mode=mode, size=real.size)
            stream.stream(info, source)
    stream.close()


def _place(name: str) -> str:
    """A member's path below the prefix; everything is in `python/`."""
    top, _, place = name.removeprefix("./").partition("/")
    if top != "python":
        raise ValueError(f"{name} is not in python/")
    return safe(place)


def _corrected(data: bytes) -> bytes:
    for word, instead in _WORDS:
        data = word.sub(instead, data)
    return data
