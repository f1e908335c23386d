"""pylock.toml (PEP 751): read strictly where a choice depends on it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from reprobox.errors import LockInvalid, NewerFormat, ResolveError
from reprobox.lock.asked import Asked
from reprobox.lock.candidate import Candidate, filename_of, offered
from reprobox.lock.formats.package import Package, Repository
from reprobox.lock.target import Target

if TYPE_CHECKING:
    from reprobox.lock.job import Job  # resolver_uv, which a job needs, reads pylocks itself


def read(path: Path, job: Job, asked: Asked) -> list[Candidate]:
    """The files of a pylock. Raises as `parse`, and ResolveError where a package has no file."""
    packages = parse(
        path.read_text("utf-8"),
        where=path.name,
        directory=path.parent,
        target=job.target,
        asked=asked,
    )
    return job.select(packages, where=path.name)


def parse(
    text: str,
    *,
    where: str,
    directory: Path,
    target: Target,
    asked: Asked | None = None,
) -> list[Package]:
    """Reads a pylock file.

    Args:
        directory: what `path` entries are relative to.

    Raises:
        LockInvalid: it is not PEP 751.
        NewerFormat: its major version is not 1.
        ResolveError: it is not for this interpreter or platform.
    """
    try:
        document = tomllib.loads(text)
        _check_version(document, where)
        _check_target(document, where, target)
        values = _marker_values(document, target, asked or Asked(file=where))
        return [_package(entry, directory, values) for entry in document.get("packages", [])]
    except (
        tomllib.TOMLDecodeError,
        KeyError,
        TypeError,
        AttributeError,
        InvalidMarker,
        InvalidSpecifier,
    ) as error:
        raise LockInvalid(
            f"{where} is not a pylock file (PEP 751)",
            why=repr(error),
            next_step="make it again with the tool that wrote it",
        ) from error


def _check_version(document: dict[str, Any], where: str) -> None:
    version = str(document["lock-version"])
    if version.split(".")[0] != "1":
        raise NewerFormat(
            f"{where} has lock-version {version}, this reprobox reads 1",
            next_step="upgrade reprobox",
        )


def _check_target(document: dict[str, Any], where: str, target: Target) -> None:
    wanted = document.get("requires-python")
    if wanted and not SpecifierSet(wanted).contains(f"{target.python}.99", prereleases=True):
        raise ResolveError(
            f"{where} is for Python {wanted}, the image has {target.python}",
            next_step="lock it for that Python",
        )
    environments = document.get("environments", [])
    if environments and not any(
        Marker(marker).evaluate(target.markers()) for marker in environments
    ):
        raise ResolveError(
            f"{where} is not for this platform",
            why=f"It is for {environments}.",
            next_step="lock it for linux x86_64",
        )


def _marker_values(document: dict[str, Any], target: Target, asked: Asked) -> dict[str, Any]:
    """Raises ResolveError for extras and groups that the file does not have."""
    for what, names, known in (
        ("extra", asked.extras, document.get("extras", [])),
        ("group", asked.groups, document.get("dependency-groups", [])),
    ):
        if unknown := set(names) - set(known):
            raise ResolveError(
                f"{asked.file} has no {what} {', '.join(sorted(unknown))}",
                why="It has " + (", ".join(known) or "none") + ".",
                next_step=f"ask for {what}s that it has",
            )
    return {
        **target.markers(),
        "extras": frozenset(asked.extras),
        "dependency_groups": frozenset({*document.get("default-groups", []), *asked.groups}),
    }


def _package(entry: dict[str, Any], directory: Path, values: dict[str, Any]) -> Package:
    marker = entry.get("marker")
    files = [*entry.get("wheels", [])]
    files += [entry[kind] for kind in ("archive", "sdist") if kind in entry]
    offers = [found for offer in files if (found := _candidate(offer, directory))]
    wheels = tuple(offer for offer in offers if offer.is_wheel)
    sources = [offer for offer in offers if not offer.is_wheel]
    other = tuple(kind for kind in ("vcs", "directory", "archive", "sdist") if kind in entry)
    version = entry.get("version") or (wheels[0].version if wheels else "")
    applies = marker is None or Marker(marker).evaluate(values, context="lock_file")
    return Package(
        name=canonicalize_name(entry["name"]),
        version=version,
        applies=applies,
        wheels=wheels,
        other=other,
        source=sources[0] if sources else None,
        directory=_directory(entry, directory),
        repository=_repository(entry.get("vcs")),
    )


def _directory(entry: dict[str, Any], base_dir: Path) -> Path | None:
    found = entry.get("directory")
    return (base_dir / found["path"]).resolve() if found and "path" in found else None


def _repository(entry: dict[str, Any] | None) -> Repository | None:
    if not entry or entry.get("type") != "git":
        return None
    return Repository(
        url=entry.get("url") or entry.get("path", ""),
        commit=entry["commit-id"],
        subdirectory=entry.get("subdirectory"),
    )


def _candidate(offer: dict[str, Any], directory: Path) -> Candidate | None:
    url = offer.get("url")
    if url is None and "path" not in offer:
        return None
    place = url or (directory / offer["path"]).resolve().as_uri()
    sha256 = offer.get("hashes", {}).get("sha256")
    return (
        offered(place, offer.get("name") or filename_of(place), sha256, offer.get("size"))
        if sha256
        else None
    )
