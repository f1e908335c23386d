"""pdm.lock, taken as it is: it names every file with its hash, each package with its groups."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from reprobox.errors import LockInvalid, ResolveError
from reprobox.lock.asked import Asked
from reprobox.lock.candidate import Candidate, filename_of, offered
from reprobox.lock.formats import manifest_hash, pyproject
from reprobox.lock.formats.package import Package, Repository
from reprobox.lock.job import Job
from reprobox.lock.target import Target

_AGAIN = "make it again with `pdm lock --strategy inherit_metadata`"


def read(path: Path, job: Job, asked: Asked) -> list[Candidate]:
    """The files of the default group, and of the extras and groups asked for.

    Raises:
        LockInvalid: it is not a pdm.lock.
        ResolveError: it does not say which package belongs to which group, it is older than its
            pyproject.toml, or no file fits.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
        metadata = document["metadata"]
        known = set(metadata.get("groups", ["default"]))
        wanted = {"default", *asked.extras, *asked.groups}
        _check(metadata, known, wanted, path.name)
        project = pyproject.read(path.with_name("pyproject.toml"))
        manifest_hash.check_pdm(path, metadata.get("content_hash"), project)
        job.left_out(path.name, "groups", known - wanted)
        packages = [
            _package(entry, wanted, job.target, path.parent)
            for entry in document.get("package", [])
        ]
    except (
        *(tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError),
        *(InvalidMarker, InvalidSpecifier),
    ) as error:
        raise LockInvalid(
            f"{path.name} is not a pdm.lock", why=repr(error), next_step=_AGAIN
        ) from error
    return job.select(packages, where=path.name)


def _check(metadata: dict[str, Any], known: set[str], wanted: set[str], where: str) -> None:
    if "inherit_metadata" not in metadata.get("strategy", []):
        raise ResolveError(
            f"{where} does not say which package belongs to which group", next_step=_AGAIN
        )
    if wanted - known:
        raise ResolveError(
            f"{where} has no group {', '.join(sorted(wanted - known))}",
            why=f"It has {', '.join(sorted(known))}.",
            next_step="ask for groups that it has, or run `pdm lock -G NAME`",
        )


def _package(entry: dict[str, Any], wanted: set[str], target: Target, folder: Path) -> Package:
    name = canonicalize_name(entry["name"])
    files = [found for offer in entry.get("files", []) if (found := _candidate(offer, name, entry))]
    sources = [one for one in files if not one.is_wheel]
    directory = folder / entry["path"] if "path" in entry else None
    return Package(
        name=name,
        version=entry.get("version", ""),
        applies=bool(wanted & set(entry.get("groups", ["default"]))) and _holds(entry, target),
        wheels=tuple(one for one in files if one.is_wheel),
        other=("vcs",) if "git" in entry else ("directory",) if directory else ("sdist",),
        source=sources[0] if sources else None,
        directory=directory,
        repository=Repository(
            url=entry["git"],
            commit=entry.get("revision", entry.get("ref", "")),
            subdirectory=entry.get("subdirectory"),
        )
        if "git" in entry
        else None,
    )


def _holds(entry: dict[str, Any], target: Target) -> bool:
    marker, python = entry.get("marker"), entry.get("requires_python")
    return (marker is None or Marker(marker).evaluate({**target.markers(), "extra": ""})) and (
        not python or SpecifierSet(python).contains(f"{target.python}.99", prereleases=True)
    )


def _candidate(offer: dict[str, Any], name: str, entry: dict[str, Any]) -> Candidate | None:
    algorithm, _, value = offer.get("hash", "").partition(":")
    url = offer.get("url")
    filename = offer.get("file") or filename_of(url or "")
    return offered(url, filename, value) if algorithm == "sha256" else None
