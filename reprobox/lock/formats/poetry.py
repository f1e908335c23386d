"""poetry.lock, taken as it is: it names every file with its hash, so nothing is resolved.

Formats 1.x and 2.x of the file. Since 2.1 a package says its groups and markers itself; before, a
package to which no edge with a true marker leads is not for this platform.
"""

from __future__ import annotations

import tomllib
from collections.abc import Set as AbstractSet
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from reprobox.errors import LockInvalid
from reprobox.lock.candidate import Candidate, offered
from reprobox.lock.formats.pylock import Package
from reprobox.lock.target import Target


def parse(
    text: str, *, where: str, target: Target, direct: AbstractSet[str] = frozenset()
) -> list[Package]:
    """Reads the packages of the main group.

    Args:
        direct: normalised names that the project itself asks for.

    Raises:
        LockInvalid: it is not a poetry.lock.
    """
    try:
        document = tomllib.loads(text)
        entries = [entry for entry in document["package"] if _in_main(entry)]
        files = document.get("metadata", {}).get("files", {})
        reached = _reached(entries, direct, target)
        return [_package(entry, files, reached, target) for entry in entries]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, InvalidMarker) as error:
        raise LockInvalid(
            f"{where} is not a poetry.lock",
            why=repr(error),
            next_step="make it again with `poetry lock`",
        ) from error


def direct_names(pyproject: str) -> set[str]:
    """What a pyproject.toml asks for under `[tool.poetry.dependencies]`, by normalised name."""
    try:
        table = tomllib.loads(pyproject).get("tool", {}).get("poetry", {}).get("dependencies", {})
    except tomllib.TOMLDecodeError:
        return set()
    return {str(canonicalize_name(name)) for name in table}


def _in_main(entry: dict[str, Any]) -> bool:
    return (
        not entry.get("optional", False)
        and "main" in entry.get("groups", ["main"])
        and entry.get("category", "main") == "main"
    )


def _reached(entries: list[dict[str, Any]], direct: AbstractSet[str], target: Target) -> set[str]:
    edges = {canonicalize_name(entry["name"]): entry.get("dependencies", {}) for entry in entries}
    pointed = {canonicalize_name(name) for dependencies in edges.values() for name in dependencies}
    reached: set[str] = set()
    waiting = [name for name in edges if name not in pointed or name in direct]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in edges:
            continue
        reached.add(name)
        waiting += [
            canonicalize_name(other)
            for other, rule in edges[name].items()
            if _edge_holds(rule, target)
        ]
    return reached


def _edge_holds(rule: Any, target: Target) -> bool:
    rules = rule if isinstance(rule, list) else [rule]
    return any(
        not isinstance(one, dict)
        or (not one.get("optional") and _holds(one.get("markers"), target))
        for one in rules
    )


def _holds(marker: Any, target: Target) -> bool:
    if isinstance(marker, dict):  # 2.1: one marker per group
        marker = marker.get("main")
    return marker is None or Marker(marker).evaluate({**target.markers(), "extra": ""})


def _applies(entry: dict[str, Any], reached: AbstractSet[str], target: Target) -> bool:
    if "groups" in entry:  # written since 2.1
        return _holds(entry.get("markers"), target)
    return canonicalize_name(entry["name"]) in reached


def _package(
    entry: dict[str, Any], files: dict[str, Any], reached: AbstractSet[str], target: Target
) -> Package:
    offers = entry.get("files") or files.get(entry["name"], [])
    found = [one for offer in offers if (one := _candidate(offer))]
    wheels = tuple(one for one in found if one.is_wheel)
    sources = [one for one in found if not one.is_wheel]
    kind = entry.get("source", {}).get("type", "")
    other = {"git": ("vcs",), "directory": ("directory",)}.get(kind, ("sdist",))
    return Package(
        name=canonicalize_name(entry["name"]),
        version=entry["version"],
        applies=_applies(entry, reached, target),
        wheels=wheels,
        other=other,
        source=sources[0] if sources else None,
    )


def _candidate(offer: dict[str, Any]) -> Candidate | None:
    algorithm, _, value = offer["hash"].partition(":")
    return offered(None, offer["file"], value) if algorithm == "sha256" else None
