"""A wheel as `installer` reads it, with what its own RECORD says checked against its bytes."""

from __future__ import annotations

import base64
import configparser
import contextlib
import hashlib
import posixpath
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from installer.exceptions import InstallerError
from installer.records import parse_record_file
from installer.sources import WheelFile

from reprobox.errors import ImageError
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


class Member:
    """A file of a wheel. It is opened when it is first read, because a survey reads few of them."""

    def __init__(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, record: tuple[str, str, str]
    ) -> None:
        self._archive, self._info, self.size = archive, info, info.file_size
        self._stream: IO[bytes] | None = None
        name, _, self._expected = record[1].partition("=")
        self._said = hashlib.new(name) if name in _HASHES and name != "sha256" else None
        self._check = name in _HASHES
        self.sha256 = hashlib.sha256()

    def read(self, amount: int = -1) -> bytes:
        if self._stream is None:
            self._stream = self._archive.open(self._info)
        data = self._stream.read(amount)
        self.sha256.update(data)
        if self._said is not None:
            self._said.update(data)
        return data

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def check(self) -> None:
        """Raises ValueError when RECORD names other bytes."""
        if self._check and base64_of((self._said or self.sha256).digest()) != self._recorded:
            raise ValueError(f"{self._info.filename} is not what the wheel's RECORD says")

    @property
    def _recorded(self) -> str:
        return self._expected.rstrip("=")

    def named_sha256(self) -> str:
        """The file's sha256 as RECORD writes it: what RECORD says, else read from the bytes."""
        if self._check and self._said is None:
            return self._recorded
        while self.read(1 << 20):
            pass
        self.check()
        return base64_of(self.sha256.digest())


class Source(WheelFile):
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
        for record, info, executable in self._files():
            path = safe(record[0])
            if path in seen:
                raise ValueError(f"{path} is in the wheel twice")
            seen.add(path)
            if path == ours or "__pycache__" in path.split("/")[:-1]:
                continue
            with contextlib.closing(Member(self._zipfile, info, record)) as member:
                yield record, cast("BinaryIO", member), executable

    def _files(self) -> Iterator[tuple[tuple[str, str, str], zipfile.ZipInfo, bool]]:
        # As WheelFile.get_contents, which opens every member.
        records = {row[0]: row for row in _rows(self.read_dist_info("RECORD"))}
        for info in self._zipfile.infolist():
            if not info.filename.endswith("/"):
                mode = info.external_attr >> 16
                executable = stat.S_ISREG(mode) and bool(mode & 0o111)
                yield records.get(info.filename, (info.filename, "", "")), info, executable


def _rows(text: str) -> Iterator[tuple[str, str, str]]:
    return parse_record_file(text.splitlines())


@contextlib.contextmanager
def opened(wheel: Wheel, path: Path) -> Iterator[Source]:
    """A wheel to install.

    Raises:
        ImageError: from the block too: it is not a wheel, is unsafe, or differs from its RECORD.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield Source(archive, wheel.filename)
    except _BROKEN as error:
        raise ImageError(
            f"{wheel.filename} cannot be installed",
            why=f"{type(error).__name__}: {error}",
            next_step="the file is as it was locked; report this to its publisher, or lock "
            "another version",
        ) from error


def base64_of(digest: bytes) -> str:
    """A digest as RECORD writes it."""
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def safe(path: str) -> str:
    """The path. Raises ValueError for one that would leave its place."""
    parts = path.split("/")
    if not path or "\0" in path or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"unsafe path {path!r}")
    return path
