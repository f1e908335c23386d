"""uv.lock, as uv itself exports it; and whether it still answers the pyproject.toml next to it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from reprobox.errors import LockInvalid, ResolveError
from reprobox.lock import resolver_uv
from reprobox.lock.asked import Asked
from reprobox.lock.candidate import Candidate
from reprobox.lock.formats import pyproject
from reprobox.lock.job import Job

Facts = frozenset[tuple[str, frozenset[str], str]]
"""Of requirements: name, extras, version specifier."""


def read(path: Path, job: Job, asked: Asked) -> list[Candidate]:
    """The files of the main dependencies, and of the extras and groups asked for.

    Raises:
        ResolveError: the lock is older than its project, or a package has no file.
        LockInvalid: it is not a uv.lock.
    """
    document = pyproject.read(path.with_name("pyproject.toml"))
    pyproject.check_asked(asked, document, where=path.name)
    _check_fresh(_lock(path), document, path)
    job.left_out(path.name, "extras", pyproject.extras(document) - set(asked.extras))
    job.left_out(path.name, "groups", pyproject.groups(document) - set(asked.groups))
    packages = resolver_uv.export(path, target=job.target, settings=job.settings, asked=asked)
    return job.select(packages, where=path.name)


def _lock(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise LockInvalid(
            f"{path.name} is not a uv.lock",
            why=str(error),
            next_step="make it again with `uv lock`",
        ) from error


def _check_fresh(lock: dict[str, Any], document: dict[str, Any], path: Path) -> None:
    """uv notes in its lock what the project asked for (`requires-dist`)."""
    project = pyproject.table(document, "project")
    name = canonicalize_name(str(project.get("name", "")))
    entries = [
        entry
        for entry in lock.get("package", [])
        if canonicalize_name(entry.get("name", "")) == name
        and entry.get("source", {}).keys() & {"editable", "virtual", "directory"}
    ]
    if not name or not entries or "dependencies" in project.get("dynamic", []):
        return
    metadata = entries[0].get("metadata", {})
    noted = {"": _noted(one for one in metadata.get("requires-dist", []))}
    noted |= {
        group: _noted(rows) for group, rows in metadata.get("requires-dev", {}).items() if rows
    }
    asked = {"": _asked([*project.get("dependencies", []), *_optional(project)])}
    asked |= {
        group: found
        for group, rows in pyproject.table(document, "dependency-groups").items()
        if all(isinstance(row, str) for row in rows) and (found := _asked(rows))
    }
    changed = [group for group, facts in asked.items() if noted.get(group, frozenset()) != facts]
    if changed:
        names = sorted(
            {fact[0] for group in changed for fact in asked[group] ^ noted.get(group, frozenset())}
        )
        raise ResolveError(
            f"{path.name} is older than the pyproject.toml next to it",
            why=f"They differ in {', '.join(names)}.",
            next_step="run `uv lock` in its project, then lock again",
        )


def _optional(project: dict[str, Any]) -> Iterable[str]:
    for rows in pyproject.table(project, "optional-dependencies").values():
        yield from rows


def _noted(rows: Iterable[dict[str, Any]]) -> Facts:
    return frozenset(
        (
            str(canonicalize_name(row["name"])),
            frozenset(row.get("extras", [])),
            str(SpecifierSet(row.get("specifier", ""))),
        )
        for row in rows
    )


def _asked(rows: Iterable[str]) -> Facts:
    found = set()
    for row in rows:
        try:
            one = Requirement(row)
        except InvalidRequirement:
            continue
        found.add((str(canonicalize_name(one.name)), frozenset(one.extras), str(one.specifier)))
    return frozenset(found)
