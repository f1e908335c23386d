"""Which file of which wheel is in the image, where several wheels have a file at one path.

As pip installs: one wheel after the other, and the later file replaces the earlier one. Equal files
are no matter. The lock names the paths whose files differ (`Lock.contested`), in pip's order.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

from installer import install
from installer.destinations import WheelDestination
from installer.records import RecordEntry
from installer.scripts import Script
from installer.utils import Scheme, fix_shebang

from reprobox.errors import ImageError
from reprobox.image.paths import PYTHON, site_packages
from reprobox.image.wheel_source import Member, base64_of, opened, safe
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.image import VENV
from reprobox.model.lock import Contested, Wheel


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that a wheel brings: its sha256 as RECORD writes it, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the parts of a wheel go in the image (PyPA, "Binary distribution format")."""

    roots: Mapping[str, str]
    site: str

    @classmethod
    def of(cls, python_version: str, distribution: str) -> Places:
        """Those of one distribution."""
        site = site_packages(python_version)
        headers = f"{VENV}/include/site/python{python_version}/{distribution}"
        roots = {"scripts": f"{VENV}/bin", "data": VENV, "headers": headers}
        return cls(roots={"purelib": site, "platlib": site, **roots}, site=site)

    def target(self, scheme: str, path: str) -> str:
        """The path in the image, without a leading slash. Raises ValueError."""
        return f"{self.roots[scheme]}/{safe(path)}"


def script(name: str, module: str, attr: str, section: Literal["console", "gui"]) -> Any:
    """File name and bytes of the script of an entry point."""
    return Script(name, module, attr, section).generate(PYTHON, "posix")


def script_file(stream: BinaryIO) -> bytes:
    """A script of a wheel, started by the image's interpreter."""
    with fix_shebang(io.BytesIO(stream.read()), PYTHON) as fixed:
        return fixed.read()


class _Survey(WheelDestination):
    """Notes where files would go, and reads none that RECORD has a sha256 of."""

    def __init__(self, places: Places, names_only: bool) -> None:
        self._places, self._names_only = places, names_only
        self.found: dict[str, File] = {}

    def write_script(
        self, name: str, module: str, attr: str, section: Literal["console", "gui"]
    ) -> RecordEntry:
        path, data = script(name, module, attr, section)
        return self._note(Scheme("scripts"), path, lambda: _file(data))

    def write_file(
        self, scheme: Scheme, path: str | Any, stream: BinaryIO, is_executable: bool
    ) -> RecordEntry:
        def found() -> File:
            if scheme == "scripts" or not isinstance(stream, Member):
                return _file(script_file(stream) if scheme == "scripts" else stream.read())
            return File(sha256=stream.named_sha256(), size=stream.size)

        return self._note(scheme, str(path), found)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        self._note(scheme, record_file_path, lambda: _UNKNOWN)

    def _note(self, scheme: Scheme, path: str, file: Callable[[], File]) -> RecordEntry:
        known = _UNKNOWN if self._names_only else file()
        self.found[self._places.target(scheme, path)] = known
        return RecordEntry(path, None, None)


_UNKNOWN = File(sha256="", size=0)


def _file(data: bytes) -> File:
    return File(sha256=base64_of(hashlib.sha256(data).digest()), size=len(data))


def survey(wheel: Wheel, path: Path, python: str, *, names_only: bool = False) -> dict[str, File]:
    """Every file that a wheel brings, by its path in the image.

    Raises:
        ImageError: it cannot be installed.
    """
    with opened(wheel, path) as source:
        places = Places.of(python, source.distribution)
        destination = _Survey(places, names_only)
        install(source, destination, {"INSTALLER": b"reprobox\n"})
    return destination.found


def shared(wheels: Sequence[tuple[Wheel, Path]], python: str) -> dict[str, list[tuple[int, File]]]:
    """Paths that several of these wheels have: for each wheel its number and its file, in order.

    Raises:
        ImageError: a wheel cannot be installed, or has a file where another one has a directory.
    """
    named = [survey(wheel, path, python, names_only=True) for wheel, path in wheels]
    owners: dict[str, list[int]] = {}
    for number, names in enumerate(named):
        for name in names:
            owners.setdefault(name, []).append(number)
    _check_directories(owners, wheels)
    several = {name: numbers for name, numbers in owners.items() if len(numbers) > 1}
    concerned = sorted({number for numbers in several.values() for number in numbers})
    known = {number: survey(*wheels[number], python) for number in concerned}
    return {
        name: [(number, known[number][name]) for number in numbers]
        for name, numbers in several.items()
    }


def _check_directories(
    owners: Mapping[str, list[int]], wheels: Sequence[tuple[Wheel, Path]]
) -> None:
    parents: dict[str, int] = {}
    for name, numbers in owners.items():
        parts = name.split("/")
        for depth in range(1, len(parts)):
            parents.setdefault("/".join(parts[:depth]), numbers[0])
    for name in owners.keys() & parents.keys():
        file, folder = wheels[owners[name][0]][0], wheels[parents[name]][0]
        raise ImageError(
            f"{file.filename} and {folder.filename} cannot be installed together",
            why=f"{name} is a file in the first and a directory in the second.",
            next_step="take one of the two out of the requirements, and lock again",
        )


def contested(
    wheels: Sequence[Wheel], order: Sequence[str], path_of: Callable[[str], Path], python: str
) -> tuple[Contested, ...]:
    """The paths at which wheels have different files.

    Args:
        order: names of the wheels in the order of their installation.
        path_of: digest of a wheel to its file.

    Raises:
        ImageError: as `shared`.
    """
    rank = {name: number for number, name in enumerate(order)}
    ordered = sorted(wheels, key=lambda wheel: rank[wheel.name])
    found = shared([(wheel, path_of(wheel.sha256)) for wheel in ordered], python)
    return tuple(
        Contested(
            path=path,
            wheels=tuple(ordered[number].name for number, _ in files),
            sha256=files[-1][1].sha256,
            size=files[-1][1].size,
        )
        for path, files in sorted(found.items())
        if len({file for _, file in files}) > 1
    )
