"""Wheels as layer bytes: the semantics are the `installer` library's (PEP 427, 491, 503), the bytes
are ours.

Same bytes on every host Python: members in zip order, fixed times and owners, modes 0644 or 0755,
parent directories written once, RECORD rewritten in sorted order, scripts started by the image's
own interpreter.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

from installer import install
from installer.destinations import WheelDestination
from installer.records import Hash, RecordEntry
from installer.utils import Scheme, construct_record_file

from reprobox.image import wheel_paths
from reprobox.image.layer import Sink
from reprobox.image.wheel_paths import File, Places
from reprobox.image.wheel_source import Member, base64_of, opened
from reprobox.kit import tar
from reprobox.model.lock import Contested, Wheel


class _Destination(WheelDestination):
    """Writes what `installer` decides into a tar, but for files that another wheel replaces."""

    def __init__(
        self,
        stream: tar.TarStream,
        directories: set[str],
        places: Places,
        replaced: Mapping[str, File],
    ) -> None:
        self._tar, self._directories, self._places = stream, directories, places
        self._replaced = replaced

    def write_script(
        self, name: str, module: str, attr: str, section: Literal["console", "gui"]
    ) -> RecordEntry:
        path, data = wheel_paths.script(name, module, attr, section)
        return self._bytes(Scheme("scripts"), path, data, 0o755)

    def write_file(
        self, scheme: Scheme, path: str | Any, stream: BinaryIO, is_executable: bool
    ) -> RecordEntry:
        name = str(path)
        if scheme == "scripts":
            data = wheel_paths.script_file(stream)
            if isinstance(stream, Member):
                stream.check()
            return self._bytes(scheme, name, data, 0o755)
        if not isinstance(stream, Member):
            return self._bytes(scheme, name, stream.read(), 0o644)
        target = self._places.target(scheme, name)
        if file := self._replaced.get(target):
            return _row(name, file)
        write_parents(self._tar, target, self._directories)
        info = tar.entry(target, mode=0o755 if is_executable else 0o644, size=stream.size)
        self._tar.stream(info, cast("IO[bytes]", stream))
        stream.check()
        return RecordEntry(name, Hash("sha256", base64_of(stream.sha256.digest())), stream.size)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        with construct_record_file(records, self._prefix) as text:
            self._bytes(scheme, record_file_path, text.read(), 0o644)

    def _prefix(self, scheme: Scheme) -> str | None:
        relative = posixpath.relpath(self._places.roots[scheme], self._places.site)
        return None if relative == "." else relative + "/"

    def _bytes(self, scheme: Scheme, path: str, data: bytes, mode: int) -> RecordEntry:
        target = self._places.target(scheme, path)
        if file := self._replaced.get(target):
            return _row(path, file)
        write_parents(self._tar, target, self._directories)
        self._tar.file(target, data, mode)
        return RecordEntry(
            path, Hash("sha256", base64_of(hashlib.sha256(data).digest())), len(data)
        )


def _row(path: str, file: File) -> RecordEntry:
    """RECORD names what is there, also where another wheel wrote it."""
    return RecordEntry(path, Hash("sha256", file.sha256), file.size)


def write_parents(stream: tar.TarStream, path: str, seen: set[str]) -> None:
    """Writes the directories above a path that were not written yet."""
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        parent = "/".join(parts[:depth])
        if parent not in seen:
            seen.add(parent)
            stream.directory(parent)


def write_wheels(
    wheels: Iterable[tuple[Wheel, Path]],
    python_version: str,
    target: Sink,
    contested: Sequence[Contested] = (),
) -> None:
    """One layer of some wheels, in the given order; of equal files the last one is written.

    Args:
        contested: paths at which wheels differ, those of other layers too.

    Raises:
        ImageError: a file is not a wheel, is unsafe, or is not what its own RECORD says.
    """
    there = list(wheels)
    replaced = _replaced(there, python_version, contested)
    stream = tar.TarStream(cast("IO[bytes]", target))
    directories: set[str] = set()
    for number, (wheel, path) in enumerate(there):
        with opened(wheel, path) as source:
            places = Places.of(python_version, source.distribution)
            destination = _Destination(stream, directories, places, replaced[number])
            install(source, destination, {"INSTALLER": b"reprobox\n"})
    stream.close()


def _replaced(
    wheels: Sequence[tuple[Wheel, Path]], python: str, contested: Sequence[Contested]
) -> list[dict[str, File]]:
    """For each wheel the paths that it does not write, with the file that is there instead."""
    found: list[dict[str, File]] = [{} for _ in wheels]
    if len(wheels) > 1:
        for path, files in wheel_paths.shared(wheels, python).items():
            for number, _ in files[:-1]:
                found[number][path] = files[-1][1]
    for contest in contested:
        there = File(sha256=contest.sha256, size=contest.size)
        for number, (wheel, _) in enumerate(wheels):
            if wheel.name in contest.wheels[:-1]:
                found[number][contest.path] = there
            elif wheel.name == contest.wheels[-1]:
                found[number].pop(contest.path, None)
    return found
