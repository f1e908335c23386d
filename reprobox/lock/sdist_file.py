"""What a source distribution says of itself, read from its archive: none of its code runs."""

from __future__ import annotations

import email
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reprobox.errors import BuildError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.tar import EPOCH_1980
from reprobox.model.lock import BuildSystem, Sdist

# Where pyproject.toml has no `build-system` (PEP 517, "build-backend"; pip and uv agree).
_BACKEND = "setuptools.build_meta:__legacy__"
_LEGACY = {"requires": ["setuptools>=40.8.0"]}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source distribution that was looked into."""

    build: BuildSystem
    requires: tuple[str, ...]
    """What its backend needs (PEP 518)."""


def read(sdist: Sdist, path: Path) -> Source:
    """Looks into an archive.

    Raises:
        BuildError: it is not an archive of one project.
    """
    try:
        names, newest, member = _zip(path) if sdist.filename.endswith(".zip") else _tar(path)
        tops = {name.split("/")[0] for name in names if "/" in name}
        if len(tops) != 1:
            raise ValueError(f"it has {len(tops)} top directories")
        top = "/".join(filter(None, (*tops, sdist.subdirectory)))
        table = _build_system(member(f"{top}/pyproject.toml"))
    except (
        *(tarfile.TarError, zipfile.BadZipFile, ValueError, OSError, EOFError, TypeError),
        *(KeyError, AttributeError),
    ) as error:
        raise BuildError(
            f"{sdist.filename} is not a source distribution that can be built",
            why=str(error),
            next_step="ask for another version",
        ) from error
    build = BuildSystem(
        directory=top,
        backend=table.get("build-backend") or _BACKEND,
        backend_path=tuple(table.get("backend-path", ())),
        epoch=max(newest, EPOCH_1980),
    )
    return Source(build=build, requires=tuple(table["requires"]))


def _build_system(text: bytes | None) -> dict[str, Any]:
    project = tomllib.loads((text or b"").decode("utf-8"))
    table: dict[str, Any] = project.get("build-system") or _LEGACY
    return table


Reader = Callable[[str], bytes | None]


def _tar(path: Path) -> tuple[set[str], int, Reader]:
    with tarfile.open(path) as archive:
        members = {member.name.removeprefix("./"): member for member in archive}

    def member(name: str) -> bytes | None:
        if name not in members:
            return None
        with tarfile.open(path) as archive:
            file = archive.extractfile(members[name])
            return file.read() if file else None

    newest = max((int(member.mtime) for member in members.values()), default=0)
    return set(members), newest, member


def _zip(path: Path) -> tuple[set[str], int, Reader]:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())

    def member(name: str) -> bytes | None:
        if name not in names:
            return None
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)

    # A zip has local times without a zone, which are no seconds since 1970.
    return names, EPOCH_1980, member


def wheel_metadata(path: Path) -> dict[str, Any]:
    """What uv must know of a package to resolve it (`dependency-metadata`), from its wheel.

    Raises:
        BuildError: the wheel has no readable METADATA.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = (
                name
                for name in archive.namelist()
                if name.endswith(".dist-info/METADATA") and name.count("/") == 1
            )
            message = email.message_from_bytes(archive.read(name))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise BuildError(
            "the build gave a wheel without METADATA",
            why=str(error),
            next_step="ask for another version",
        ) from error
    found: dict[str, Any] = {
        "requires-dist": [str(line) for line in message.get_all("Requires-Dist") or []],
        "provides-extra": [str(line) for line in message.get_all("Provides-Extra") or []],
    }
    if message["Requires-Python"]:
        found["requires-python"] = str(message["Requires-Python"])
    return found
