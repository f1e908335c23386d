"""conda packages as one layer: linked into a prefix by conda's rules, the same bytes each time.

The rules are those of "conda package specification" and "noarch packages": the placeholder of the
prefix is replaced in text, and in binary files with zeros behind it; noarch Python goes to the
interpreter's site-packages, with a script for each entry point. No script of a package is run.
"""

from __future__ import annotations

import bz2
import json
import posixpath
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, cast

from reprobox.errors import ImageError
from reprobox.image.layer import Inputs, Recipe, Sink
from reprobox.image.wheel import write_parents
from reprobox.image.wheel_source import safe
from reprobox.kit import zstd
from reprobox.kit.canon import canonical
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.kit.tar import TarStream, entry
from reprobox.model.lock import CONDA, Conda

_PREFIX = f"/{CONDA}"
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, ValueError, KeyError, OSError, zstd.ZstdError)
_POINT = regex(r"\s*(?P<name>[^=\s]+)\s*=\s*(?P<module>[\w.]+):(?P<attr>[\w.]+)\s*")
_SCRIPTS = regex(r"bin/\.[^/]+-(?:post-link|pre-link|pre-unlink)\.sh")
_SCRIPT = """\
#!{python}
# -*- coding: utf-8 -*-
import re
import sys

from {module} import {top}

if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])
    sys.exit({attr}())
"""


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A package: its `info` files, and the tar of its content."""

    info: dict[str, bytes]
    content: tarfile.TarFile

    def document(self, name: str) -> dict[str, Any]:
        """A JSON file of `info`; empty where it is not there."""
        found: dict[str, Any] = json.loads(self.info.get(f"info/{name}", b"{}"))
        return found


def recipe(packages: Sequence[Conda], python: str, objects: Inputs) -> Recipe:
    """The layer of all packages.

    Args:
        python: the interpreter's version, `X.Y`.
    """
    ordered = sorted(packages, key=lambda one: (one.name, one.filename))

    def write(target: Sink) -> None:
        _write(ordered, python, objects, target)

    key = {"python": python, "conda": [[one.filename, one.sha256] for one in ordered]}
    needs = tuple(one.sha256 for one in ordered)
    return Recipe(name=name_of(packages), key=key, needs=needs, write=write)


def name_of(packages: Sequence[Conda]) -> str:
    """The layer's name in the image's history."""
    return f"conda {len(packages)} packages"


def check(packages: Sequence[Conda], python: str, objects: Inputs) -> None:
    """Looks whether packages can be linked.

    Raises:
        ImageError: one cannot be read, wants to run a script, or has a path of another one.
    """
    _write(sorted(packages, key=lambda one: (one.name, one.filename)), python, objects, _Nothing())


class _Nothing:
    def write(self, data: bytes, /) -> int:
        return len(data)


def _write(packages: Sequence[Conda], python: str, objects: Inputs, target: Sink) -> None:
    stream = TarStream(cast("IO[bytes]", target))
    folders: set[str] = set()
    owners: dict[str, str] = {}
    for package in packages:
        try:
            with _opened(package, objects) as opened:
                _Link(package, opened, python, stream, folders, owners).run()
        except _BROKEN as error:
            raise ImageError(
                f"{package.filename} cannot be linked",
                why=f"{type(error).__name__}: {error}",
                next_step="lock another build of it",
            ) from error
    stream.close()


@contextmanager
def _opened(package: Conda, objects: Inputs) -> Iterator[_Opened]:
    path = objects.path(package.sha256)
    with tempfile.TemporaryFile() as spool:
        if package.filename.endswith(".conda"):
            with zipfile.ZipFile(path) as archive:
                stem = package.filename.removesuffix(".conda")
                with (
                    archive.open(f"info-{stem}.tar.zst") as packed,
                    tarfile.open(fileobj=zstd.buffered(packed), mode="r|") as whole,
                ):
                    info = _info(whole)
                with archive.open(f"pkg-{stem}.tar.zst") as packed:
                    _copy(zstd.buffered(packed), spool)
        else:
            with tarfile.open(path, "r:bz2") as whole:
                info = _info(whole)
            with bz2.open(path) as plain:
                _copy(cast("IO[bytes]", plain), spool)
        spool.seek(0)
        with tarfile.open(fileobj=spool, mode="r:") as content:
            yield _Opened(info=info, content=content)


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while chunk := source.read(1 << 20):
        target.write(chunk)


def _info(archive: tarfile.TarFile) -> dict[str, bytes]:
    found = {}
    for member in archive:
        if member.isreg() and member.name.startswith("info/") and member.name.count("/") == 1:
            source = archive.extractfile(member)
            found[member.name] = source.read() if source else b""
    return found


class _Link:
    """One package into the prefix."""

    def __init__(
        self,
        package: Conda,
        opened: _Opened,
        python: str,
        stream: TarStream,
        folders: set[str],
        owners: dict[str, str],
    ) -> None:
        self._package, self._opened, self._python = package, opened, python
        self._stream, self._folders, self._owners = stream, folders, owners
        self._index = opened.document("index.json")
        self._noarch = self._index.get("noarch") == "python" or (
            opened.document("link.json").get("noarch", {}).get("type") == "python"
        )
        self._prefixes = dict(_prefixes(opened))
        self._written: list[str] = []

    def run(self) -> None:
        """Writes everything that the package brings."""
        for member in self._opened.content:
            if member.name.startswith("info/") or not (
                member.isreg() or member.islnk() or member.issym()
            ):
                continue
            self._member(member)
        points = self._opened.document("link.json").get("noarch", {}).get("entry_points", [])
        for point in points if self._noarch else ():
            self._script(str(point))
        record = {
            **{key: self._index.get(key) for key in ("name", "version", "build", "build_number")},
            "fn": self._package.filename,
            "sha256": self._package.sha256.removeprefix("sha256:"),
            "depends": self._index.get("depends", []),
            "files": sorted(self._written),
        }
        stem = re.sub(r"\.(conda|tar\.bz2)$", "", self._package.filename)
        self._put(f"conda-meta/{safe(stem)}.json", canonical(record), 0o644)

    def _member(self, member: tarfile.TarInfo) -> None:
        name = safe(member.name.removeprefix("./"))
        if _SCRIPTS.fullmatch(name):
            raise ImageError(
                f"the conda package {self._package.name} runs a script when it is installed",
                why=f"{self._package.filename} has {name}. No code of packages is run there.",
                next_step="ask for a build without it, or use a Dockerfile base that runs conda",
            )
        place = self._place(name)
        if member.issym():
            self._own(place)
            self._stream.symlink(f"{CONDA}/{place}", member.linkname)
            return
        source = self._opened.content.extractfile(member)
        if source is None:
            raise ValueError(f"{name} has no content")
        mode = 0o755 if member.mode & 0o100 else 0o644
        if name in self._prefixes:
            self._put(place, _replaced(source.read(), *self._prefixes[name]), mode)
        else:
            self._own(place)
            real = self._opened.content.getmember(member.linkname) if member.islnk() else member
            info = entry(f"{CONDA}/{place}", mode=mode, size=real.size)
            self._stream.stream(info, source)

    def _place(self, name: str) -> str:
        """Where a file goes in the prefix (noarch Python: "site-packages", "python-scripts")."""
        if self._noarch and name.startswith("site-packages/"):
            return f"lib/python{self._python}/{name}"
        if self._noarch and name.startswith("python-scripts/"):
            return f"bin/{name.partition('/')[2]}"
        return name

    def _own(self, place: str) -> None:
        """Notes a path; raises ImageError where another package has one there."""
        if other := self._owners.get(place):
            raise ImageError(
                f"the conda packages {other} and {self._package.name} have a file at one path",
                why=place,
                next_step="ask for builds that go together; conda would say `ClobberError`",
            )
        self._owners[place] = self._package.name
        self._written.append(place)
        write_parents(self._stream, f"{CONDA}/{place}", self._folders)

    def _put(self, place: str, data: bytes, mode: int) -> None:
        self._own(place)
        self._stream.file(f"{CONDA}/{place}", data, mode)

    def _script(self, point: str) -> None:
        match = _POINT.fullmatch(point)
        if match is None:
            raise ValueError(f"unreadable entry point {point!r}")
        text = _SCRIPT.format(
            python=posixpath.join(_PREFIX, "bin/python"),
            module=match["module"],
            top=match["attr"].partition(".")[0],
            attr=match["attr"],
        )
        self._put(f"bin/{safe(match['name'])}", text.encode(), 0o755)


def _prefixes(opened: _Opened) -> Iterator[tuple[str, tuple[bytes, str]]]:
    """Path to placeholder and file mode: from paths.json, or has_prefix of older packages."""
    for row in opened.document("paths.json").get("paths", []):
        if row.get("prefix_placeholder"):
            yield row["_path"], (row["prefix_placeholder"].encode(), row.get("file_mode", "text"))
    if "info/paths.json" in opened.info:
        return
    for line in opened.info.get("info/has_prefix", b"").decode("utf-8").splitlines():
        words = line.split(None, 2)
        if len(words) == 3:
            yield words[2].strip('"'), (words[0].strip('"').encode(), words[1])
        elif words:
            # The placeholder of the oldest packages (conda's documentation, "has_prefix").
            yield line.strip().strip('"'), (b"/opt/anaconda1anaconda2anaconda3", "text")


def _replaced(data: bytes, placeholder: bytes, mode: str) -> bytes:
    prefix = _PREFIX.encode()
    if mode == "text":
        return data.replace(placeholder, prefix)
    if len(prefix) > len(placeholder):
        raise ValueError(f"the prefix is longer than the placeholder of {len(placeholder)} bytes")

    def shortened(match: re.Match[bytes]) -> bytes:
        text = match[0]
        new = text.replace(placeholder, prefix)
        return new + bytes(len(text) - len(new))

    # To the end of the C string, whose length stays; "conda package specification", binary files.
    return re.sub(re.escape(placeholder) + rb"[^\0]*", shortened, data)
