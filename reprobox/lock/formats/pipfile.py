"""Pipfile.lock (pipenv): versions with the hashes of their files; which file fits is looked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from reprobox.errors import LockInvalid, ResolveError
from reprobox.lock import wheel_index
from reprobox.lock.asked import Asked
from reprobox.lock.candidate import Candidate
from reprobox.lock.formats import manifest_hash
from reprobox.lock.formats.package import Package, Repository
from reprobox.lock.job import Job

_AGAIN = "make it again with `pipenv lock`"
_MAIN = "default"
_OWN = {"dev": "develop"}
"""A category's name in the file, where it is another than in the Pipfile."""


def read(path: Path, job: Job, asked: Asked) -> list[Candidate]:
    """The files of the default packages, and of the categories asked for as groups.

    Raises:
        LockInvalid: it is not a Pipfile.lock.
        ResolveError: a category or a file is missing, or it is older than its Pipfile.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        known = {key: rows for key, rows in document.items() if key != "_meta"}
        wanted = [_MAIN, *(_OWN.get(name, name) for name in asked.groups)]
        _check(document["_meta"], known, wanted, job, path.name)
        manifest_hash.check_pipfile(path, document["_meta"])
        entries: dict[str, dict[str, Any]] = {
            canonicalize_name(name): entry
            for key in reversed(wanted)
            for name, entry in known[key].items()
            if _holds(entry, job)
        }
        packages = _packages(entries, job, path)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidMarker) as error:
        raise LockInvalid(
            f"{path.name} is not a Pipfile.lock", why=repr(error), next_step=_AGAIN
        ) from error
    left = {key for key, rows in known.items() if rows} - set(wanted)
    job.left_out(path.name, "groups", {"dev" if key == "develop" else key for key in left})
    return job.select(packages, where=path.name)


def _check(
    meta: dict[str, Any], known: dict[str, Any], wanted: list[str], job: Job, where: str
) -> None:
    missing = [name for name in wanted if name not in known]
    if missing:
        raise ResolveError(
            f"{where} has no group {', '.join(missing)}",
            why=f"It has {', '.join(sorted(known))}.",
            next_step="ask for groups that it has",
        )
    python = meta.get("requires", {}).get("python_version", job.target.python)
    if python != job.target.python:
        raise ResolveError(
            f"{where} is for Python {python}, the image has {job.target.python}",
            next_step=f"say `python: '{python}'` in the config, or lock it for that Python",
        )


def _holds(entry: dict[str, Any], job: Job) -> bool:
    marker = entry.get("markers")
    return marker is None or Marker(marker).evaluate({**job.target.markers(), "extra": ""})


def _packages(entries: dict[str, dict[str, Any]], job: Job, path: Path) -> list[Package]:
    pins = {
        name: entry["version"].removeprefix("==")
        for name, entry in entries.items()
        if "version" in entry and entry.get("hashes")
    }
    allowed = {name: set(entry.get("hashes", [])) for name, entry in entries.items()}
    found = wheel_index.find(
        pins.items(),
        root=job.root,
        target=job.target,
        settings=job.settings,
        accept=lambda offer: offer.digest in allowed.get(offer.name, ()),
    )
    return [
        _package(name, entry, found.get((name, pins.get(name, "")), []), path)
        for name, entry in entries.items()
    ]


def _package(name: str, entry: dict[str, Any], offers: list[Candidate], path: Path) -> Package:
    sources = [one for one in offers if not one.is_wheel]
    place = entry.get("path") or entry.get("file")
    directory = path.parent / place if place and "://" not in place else None
    repository = (
        Repository(
            url=entry["git"], commit=entry.get("ref", ""), subdirectory=entry.get("subdirectory")
        )
        if "git" in entry
        else None
    )
    return Package(
        name=name,
        version=entry.get("version", "").removeprefix("=="),
        applies=True,
        wheels=tuple(one for one in offers if one.is_wheel),
        other=("vcs",) if repository else ("directory",) if directory else (),
        source=sources[0] if sources else None,
        directory=directory,
        repository=repository,
    )
