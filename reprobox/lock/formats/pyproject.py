"""pyproject.toml and what it says of a project: names of extras and groups, and whose it is."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from reprobox.errors import ResolveError
from reprobox.lock.asked import Asked

Table = dict[str, Any]


def read(path: Path) -> Table:
    """The document; empty where there is none that can be read."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def table(document: Table, *keys: str) -> Table:
    """An inner table; empty where there is none."""
    for key in keys:
        found = document.get(key)
        document = found if isinstance(found, dict) else {}
    return document


def extras(document: Table) -> set[str]:
    """The names of a project's extras (PEP 621, or Poetry's own)."""
    return {
        *table(document, "project", "optional-dependencies"),
        *table(document, "tool", "poetry", "extras"),
    }


def groups(document: Table) -> set[str]:
    """The names of its dependency groups (PEP 735, or the tools' own)."""
    return {
        *table(document, "dependency-groups"),
        *table(document, "tool", "poetry", "group"),
        *table(document, "tool", "pdm", "dev-dependencies"),
        *(["dev"] if table(document, "tool", "poetry", "dev-dependencies") else []),
        *(["dev"] if "dev-dependencies" in table(document, "tool", "uv") else []),
    }


def check_asked(asked: Asked, document: Table, *, where: str) -> None:
    """Raises ResolveError for extras and groups that there are not."""
    for what, names, known in (
        ("extra", asked.extras, extras(document)),
        ("group", asked.groups, groups(document)),
    ):
        normal = {canonicalize_name(name) for name in known}
        unknown = [name for name in names if canonicalize_name(name) not in normal]
        if unknown:
            raise ResolveError(
                f"{where} has no {what} {', '.join(unknown)}",
                why="It has " + (", ".join(sorted(known)) or "none") + ".",
                next_step=f"ask for {what}s that it has",
            )


def check_resolvable(document: Table, *, where: str) -> None:
    """Raises ResolveError where uv cannot read the dependencies without running code."""
    project = table(document, "project")
    if not project and table(document, "tool", "poetry"):
        raise ResolveError(
            f"{where} has its dependencies in Poetry's own form",
            next_step="run `poetry lock`, and name poetry.lock in the requirements",
        )
    dynamic = {"dependencies", "optional-dependencies"} & set(project.get("dynamic", []))
    if dynamic:
        raise ResolveError(
            f"the {' and '.join(sorted(dynamic))} of {where} are dynamic: its build backend "
            "computes them",
            next_step="name the file that they come from (such as requirements.txt), or write "
            "`requirements: [-e .]`",
        )


def arguments(asked: Asked, path: Path) -> list[str]:
    """The options of uv besides the file."""
    found = [part for extra in asked.extras for part in ("--extra", extra)]
    return found + [part for group in asked.groups for part in ("--group", f"{path}:{group}")]
