"""Wheels as layer bytes: the semantics are the `installer` library's (PEP 427, 491, 503), the bytes
are ours.

Same bytes on every host Python: members in zip order, fixed times and owners, modes 0644 or 0755,
parent directories written once, RECORD rewritten in sorted order, scripts started by the image's
own interpreter.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, RecordEntry
from installer.scripts import Script
from installer.sources import WheelFile
from installer.utils import Scheme, construct_record_file, fix_shebang

from reprobox.errors import ImageError
from reprobox.image.layer import Sink
from reprobox.image.paths import PYTHON, site_packages
from reprobox.kit import tar
from reprobox.model.image import VENV
from reprobox.model.lock import Wheel

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    KeyError,
    AssertionError,  # installer asserts the form of entry points
    RuntimeError,  # encrypted members, unknown compression
    EOFError,
    configparser.Error,
    InstallerError,
)
_HASHES = {"sha256", "sha384", "sha512"}


class _Member:
    """A file of a wheel: its size is known beforehand, and what RECORD says of it is held against
    it when all was read.
    """

    def __init__(
        self, stream: IO[bytes], info: zipfile.ZipInfo, record: tuple[str, str, str]
    ) -> None:
        self._stream, self._path, self.size = stream, info.filename, info.file_size
        name, _, self._expected = record[1].partition("=")
        self._said = hashlib.new(name) if name in _HASHES and name != "sha256" else None
        self._check = name in _HASHES
        self.sha256 = hashlib.sha256()

    def read(self, amount: int = -1) -> bytes:
        data = self._stream.read(amount)
        self.sha256.update(data)
        if self._said is not None:
            self._said.update(data)
        return data

    def check(self) -> None:
        """Raises ValueError when RECORD names other bytes."""
        if self._check and _base64((self._said or self.sha256).digest()) != self._expected.rstrip(
            "="
        ):
            raise ValueError(f"{self._path} is not what the wheel's RECORD says")


class _Source(WheelFile):
    """A wheel under its real file name, wherever its bytes are."""

    def __init__(self, archive: zipfile.ZipFile, filename: str) -> None:
        archive.filename = filename
        super().__init__(archive)

    @property
    def data_dir(self) -> str:
        # By the directory that is there: the file name may be spelt in another normal form.
        return self.dist_info_dir.removesuffix(".dist-info") + ".data"

    def get_contents(self) -> Iterator[tuple[tuple[str, str, str], BinaryIO, bool]]:
        ours = posixpath.join(self.dist_info_dir, "INSTALLER")
        seen: set[str] = set()
        for record, stream, executable in super().get_contents():
            path = _safe(record[0])
            if path in seen:
                raise ValueError(f"{path} is in the wheel twice")
            seen.add(path)
            if path == ours or "__pycache__" in path.split("/")[:-1]:
                continue
            member = _Member(stream, self._zipfile.getinfo(record[0]), record)
            yield record, cast("BinaryIO", member), executable


class _Destination(WheelDestination):
    """Writes what `installer` decides into a tar."""

    def __init__(
        self, stream: tar.TarStream, directories: set[str], python_version: str, distribution: str
    ) -> None:
        self._tar, self._directories = stream, directories
        self._site = site_packages(python_version)
        self._roots = {
            "purelib": self._site,
            "platlib": self._site,
            "scripts": f"{VENV}/bin",
            "data": VENV,
            "headers": f"{VENV}/include/site/python{python_version}/{distribution}",
        }

    def write_script(
        self, name: str, module: str, attr: str, section: Literal["console", "gui"]
    ) -> RecordEntry:
        path, data = Script(name, module, attr, section).generate(PYTHON, "posix")
        return self._bytes(Scheme("scripts"), path, data, 0o755)

    def write_file(
        self, scheme: Scheme, path: str | Any, stream: BinaryIO, is_executable: bool
    ) -> RecordEntry:
        name = str(path)
        if scheme == "scripts":
            with fix_shebang(io.BytesIO(stream.read()), PYTHON) as fixed:
                data = fixed.read()
            _check(stream)
            return self._bytes(scheme, name, data, 0o755)
        if not isinstance(stream, _Member):
            return self._bytes(scheme, name, stream.read(), 0o644)
        target = self._target(scheme, name)
        info = tar.entry(target, mode=0o755 if is_executable else 0o644, size=stream.size)
        self._tar.stream(info, cast("IO[bytes]", stream))
        stream.check()
        return RecordEntry(name, Hash("sha256", _base64(stream.sha256.digest())), stream.size)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        with construct_record_file(records, self._prefix) as text:
            self._tar.file(self._target(scheme, record_file_path), text.read())

    def _prefix(self, scheme: Scheme) -> str | None:
        relative = posixpath.relpath(self._roots[scheme], self._site)
        return None if relative == "." else relative + "/"

    def _bytes(self, scheme: Scheme, path: str, data: bytes, mode: int) -> RecordEntry:
        self._tar.file(self._target(scheme, path), data, mode)
        return RecordEntry(path, Hash("sha256", _base64(hashlib.sha256(data).digest())), len(data))

    def _target(self, scheme: Scheme, path: str) -> str:
        target = f"{self._roots[scheme]}/{_safe(path)}"
        write_parents(self._tar, target, self._directories)
        return target


def _check(stream: BinaryIO) -> None:
    if isinstance(stream, _Member):
        stream.check()


def _base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def _safe(path: str) -> str:
    """Raises ValueError for a path that would leave its place."""
    parts = path.split("/")
    if not path or "\0" in path or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"unsafe path {path!r}")
    return path


def write_parents(stream: tar.TarStream, path: str, seen: set[str]) -> None:
    """Writes the directories above a path that were not written yet."""
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        parent = "/".join(parts[:depth])
        if parent not in seen:
            seen.add(parent)
            stream.directory(parent)


def write_wheels(wheels: Iterable[tuple[Wheel, Path]], python_version: str, target: Sink) -> None:
    """One layer of some wheels, in the given order.

    Raises:
        ImageError: a file is not a wheel, is unsafe, or is not what its own RECORD says.
    """
    stream = tar.TarStream(cast("IO[bytes]", target))
    directories: set[str] = set()
    for wheel, path in wheels:
        try:
            with zipfile.ZipFile(path) as archive:
                source = _Source(archive, wheel.filename)
                destination = _Destination(stream, directories, python_version, source.distribution)
                install(source, destination, {"INSTALLER": b"reprobox\n"})
        except _BROKEN as error:
            raise ImageError(
                f"{wheel.filename} cannot be installed",
                why=f"{type(error).__name__}: {error}",
                next_step="the file is as it was locked; report this to whoever published it, or "
                "lock another version",
            ) from error
    stream.close()
