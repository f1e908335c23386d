"""Whether a lock still answers the manifest next to it: poetry, pdm and pipenv write a hash of what
the manifest asks for into their locks (`content-hash`, `content_hash`, `_meta.hash`).
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from reprobox.errors import ResolveError
from reprobox.lock.formats import pyproject

_POETRY = ("dependencies", "source", "extras", "dev-dependencies")
_PROJECT = ("requires-python", "dependencies", "optional-dependencies")
_PIPFILE = ("source", "packages", "dev-packages", "requires", "scripts", "pipfile", "pipenv")


def check_poetry(lock: Path, noted: object, document: dict[str, Any]) -> None:
    """Raises ResolveError where poetry.lock is older than its pyproject.toml."""
    made = (_poetry(document, dependency_groups=one) for one in (True, False))
    _check(lock, noted, made, "pyproject.toml", "poetry lock")


def check_pdm(lock: Path, noted: object, document: dict[str, Any]) -> None:
    """Raises ResolveError where pdm.lock is older than its pyproject.toml."""
    _check(lock, str(noted).removeprefix("sha256:"), _pdm(document), "pyproject.toml", "pdm lock")


def check_pipfile(lock: Path, meta: dict[str, Any]) -> None:
    """Raises ResolveError where Pipfile.lock is older than its Pipfile."""
    path = lock.with_name("Pipfile")
    try:
        document = tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise ResolveError(
            f"the Pipfile next to {lock.name} is not TOML", why=str(error), next_step="correct it"
        ) from error
    noted = meta.get("hash", {}).get("sha256")
    _check(lock, noted, _pipfile(document, meta), "Pipfile", "pipenv lock")


def _check(lock: Path, noted: object, made: Iterator[Any], manifest: str, command: str) -> None:
    if not noted or not lock.with_name(manifest).is_file():
        return
    try:
        fresh = any(_sha256(content, lock.name) == noted for content in made)
    except TypeError:  # a date: the tool itself makes no hash of such a manifest
        return
    if not fresh:
        raise ResolveError(
            f"{lock.name} is older than the {manifest} next to it",
            why=f"Its hash of what {manifest} asks for ({str(noted)[:12]}…) is not today's.",
            next_step=f"run `{command}` in its project, then lock again",
        )


def _sha256(content: Any, lock: str) -> str:
    separators = (",", ":") if lock == "Pipfile.lock" else None
    text = json.dumps(content, sort_keys=True, separators=separators)
    return hashlib.sha256(text.encode()).hexdigest()


def _poetry(document: dict[str, Any], *, dependency_groups: bool) -> dict[str, Any]:
    """What poetry's `Locker` takes the hash of; before poetry 2.3 without PEP 735's groups."""
    project, own = document.get("project", {}), pyproject.table(document, "tool", "poetry")
    found: dict[str, Any] = {}
    if asked := {key: project[key] for key in _PROJECT if key in project}:
        found["project"] = asked
    if dependency_groups and document.get("dependency-groups"):
        found["dependency-groups"] = document["dependency-groups"]
    keys = [*(key for key in _POETRY if key in own or not found), *(["group"] * ("group" in own))]
    poetry = {key: own.get(key) for key in keys}
    return {**found, "tool": {"poetry": poetry}} if found else poetry


def _pdm(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What pdm takes the hash of: today, and before its 2.10."""
    project, own = document.get("project", {}), pyproject.table(document, "tool", "pdm")
    groups: dict[str, list[Any]] = {}
    for table in (document.get("dependency-groups", {}), own.get("dev-dependencies", {})):
        for name, rows in table.items():
            groups.setdefault(canonicalize_name(name), []).extend(rows)
    found = {
        "sources": own.get("source", []),
        "dependencies": project.get("dependencies", []),
        "dev-dependencies": groups,
        "optional-dependencies": project.get("optional-dependencies", {}),
        "requires-python": project.get("requires-python", ""),
    }
    resolution = own.get("resolution", {})
    yield {**found, "resolution": resolution}
    older = {**found, "overrides": resolution.get("overrides", {})}
    yield older
    yield {**older, "dev-dependencies": own.get("dev-dependencies", {})}


def _pipfile(document: dict[str, Any], meta: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What pipenv takes the hash of; a Pipfile without a source has pipenv's own, as its lock."""
    more = {key: rows for key, rows in document.items() if key not in _PIPFILE}
    yield {
        "_meta": {
            "sources": document.get("source", meta.get("sources", [])),
            "requires": document.get("requires", {}),
        },
        "default": document.get("packages", {}),
        "develop": document.get("dev-packages", {}),
        **more,
    }
