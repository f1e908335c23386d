"""poetry.lock, taken as it is: it names every file with its hash, so nothing is resolved.

Since lock version 2.1 a package says its groups and markers itself. Before that, what belongs to
a group follows from the pyproject.toml next to it: the packages to which dependencies with true
markers lead.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from reprobox.errors import LockInvalid
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock.asked import Asked
from reprobox.lock.candidate import Candidate, offered
from reprobox.lock.formats import manifest_hash, pyproject
from reprobox.lock.formats.package import Package, Repository
from reprobox.lock.job import Job
from reprobox.lock.target import Target

_MAIN = "main"


def read(path: Path, job: Job, asked: Asked) -> list[Candidate]:
    """The files of the main group, and of the extras and groups asked for.

    Raises:
        LockInvalid: it is not a poetry.lock.
        ResolveError: an extra or group is not there, a package has no file that fits, or the lock
            is older than its pyproject.toml.
    """
    project = pyproject.read(path.with_name("pyproject.toml"))
    if project:
        pyproject.check_asked(asked, project, where=path.name)
        _check_fresh(path, project)
        job.left_out(path.name, "extras", pyproject.extras(project) - set(asked.extras))
        job.left_out(path.name, "groups", pyproject.groups(project) - set(asked.groups))
    packages = parse(
        path.read_text("utf-8"), path=path, target=job.target, project=project, asked=asked
    )
    return job.select(packages, where=path.name)


def _check_fresh(path: Path, project: dict[str, Any]) -> None:
    try:
        metadata = tomllib.loads(path.read_text("utf-8"))["metadata"]
    except (ValueError, KeyError):
        return  # `parse` says what is wrong with it
    manifest_hash.check_poetry(path, metadata.get("content-hash"), project)


def parse(
    text: str, *, path: Path, target: Target, project: dict[str, Any], asked: Asked
) -> list[Package]:
    """Every package of the lock, with whether it applies.

    Args:
        path: of the lock, which paths in it are relative to.
        project: the pyproject.toml next to it; empty where there is none.

    Raises:
        LockInvalid: it is not a poetry.lock.
    """
    try:
        document = tomllib.loads(text)
        files = document.get("metadata", {}).get("files", {})
        reached = _Reach(document, project, asked, target)
        return [
            _package(entry, files, reached.applies(entry), path.parent)
            for entry in document["package"]
        ]
    except (
        *(tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, ValueError),
        *(InvalidMarker, InvalidSpecifier, InvalidRequirement),
    ) as error:
        raise LockInvalid(
            f"{path.name} is not a poetry.lock",
            why=repr(error),
            next_step="make it again with `poetry lock`",
        ) from error


@dataclass(frozen=True)
class _Edge:
    name: str
    extras: tuple[str, ...]
    specifier: str


class _Reach:
    """Which packages belong to what was asked for."""

    def __init__(
        self, document: dict[str, Any], project: dict[str, Any], asked: Asked, target: Target
    ) -> None:
        self._entries: dict[str, list[dict[str, Any]]] = {}
        for entry in document["package"]:
            self._entries.setdefault(canonicalize_name(entry["name"]), []).append(entry)
        self._asked, self._target = asked, target
        self._groups = {_MAIN, *asked.groups}
        self._extras = document.get("extras", {})
        self._found: set[int] = set()
        if any("groups" not in entry for entry in document["package"]):
            self._walk(self._roots(project))

    def applies(self, entry: dict[str, Any]) -> bool:
        """Whether a package is installed."""
        if "groups" not in entry:
            return id(entry) in self._found
        groups = self._groups & set(entry["groups"])
        markers = entry.get("markers")
        chosen = (
            [markers.get(group) for group in groups] if isinstance(markers, dict) else [markers]
        )
        wanted = not entry.get("optional") or self._optional(entry)
        return bool(groups) and wanted and any(self._holds(marker) for marker in chosen)

    def _optional(self, entry: dict[str, Any]) -> bool:
        """Optional packages are those of extras; a group that is optional has `optional` too."""
        name = canonicalize_name(entry["name"])
        named = {
            canonicalize_name(re.split(r"[ \[(<>=!~;]", one)[0])
            for extra in self._asked.extras
            for one in self._extras.get(extra, [])
        }
        through_extra = "extra ==" in str(entry.get("markers", ""))
        return (
            name in named or through_extra or bool(set(entry["groups"]) & set(self._asked.groups))
        )

    def _holds(self, marker: str | None) -> bool:
        if marker is None:
            return True
        extras = self._asked.extras or ("",)
        return any(
            Marker(marker).evaluate({**self._target.markers(), "extra": extra}) for extra in extras
        )

    def _roots(self, project: dict[str, Any]) -> list[_Edge]:
        """What the project asks for itself; without it, the packages that no other asks for."""
        if not project:
            pointed = {
                canonicalize_name(name)
                for entries in self._entries.values()
                for entry in entries
                for name in entry.get("dependencies", {})
            }
            return [
                _Edge(name, (), "")
                for name, entries in self._entries.items()
                if name not in pointed and not all(map(_beside, entries))
            ]
        poetry = pyproject.table(project, "tool", "poetry")
        found = list(self._rules(poetry.get("dependencies", {})))
        for group in self._asked.groups:
            inner = pyproject.table(poetry, "group", group).get("dependencies", {})
            old = poetry.get("dev-dependencies", {}) if group == "dev" else {}
            found += [*self._rules(inner), *self._rules(old)]
            rows = pyproject.table(project, "dependency-groups").get(group, [])
            found += self._requirements(row for row in rows if isinstance(row, str))
        main = pyproject.table(project, "project")
        found += self._requirements(main.get("dependencies", []))
        for extra in self._asked.extras:
            optional = pyproject.table(main, "optional-dependencies")
            found += self._requirements(optional.get(extra, []))
            found += self._requirements(self._extras.get(extra, []))
        return found

    def _requirements(self, rows: Iterable[str]) -> Iterator[_Edge]:
        for row in rows:
            one = Requirement(re.sub(r"\s*\(([^)]*)\)", r"\1", row))
            if one.marker is None or self._holds(str(one.marker)):
                yield _Edge(canonicalize_name(one.name), tuple(one.extras), str(one.specifier))

    def _rules(self, table: dict[str, Any], extras: Iterable[str] = ()) -> Iterator[_Edge]:
        """Edges of a table of dependencies whose conditions hold."""
        for name, rule in table.items():
            for one in rule if isinstance(rule, list) else [rule]:
                if name != "python" and self._rule_holds(one, set(extras)):
                    more = tuple(one.get("extras", ())) if isinstance(one, dict) else ()
                    version = one.get("version", "") if isinstance(one, dict) else str(one)
                    yield _Edge(canonicalize_name(name), more, version)

    def _rule_holds(self, rule: Any, extras: set[str]) -> bool:
        if not isinstance(rule, dict):
            return True
        marker = rule.get("markers")
        if rule.get("optional") and not extras:
            return False
        python = str(rule.get("python", ""))
        platform = rule.get("platform")
        return (
            (marker is None or self._marker(marker, extras))
            and (not python or _admits(python, f"{self._target.python}.99"))
            and platform in (None, "linux")
        )

    def _marker(self, marker: str, extras: set[str]) -> bool:
        values = self._target.markers()
        return any(Marker(marker).evaluate({**values, "extra": extra}) for extra in extras or {""})

    def _walk(self, roots: list[_Edge]) -> None:
        waiting, seen = list(roots), set()
        while waiting:
            edge = waiting.pop()
            if edge in seen:
                continue
            seen.add(edge)
            for entry in self._versions(edge):
                self._found.add(id(entry))
                table = entry.get("dependencies", {})
                waiting += self._rules(table)
                for extra in edge.extras:
                    named = {
                        canonicalize_name(re.split(r"[ \[(<>=!~;]", row)[0])
                        for row in entry.get("extras", {}).get(extra, [])
                    }
                    chosen = {
                        name: rule
                        for name, rule in table.items()
                        if canonicalize_name(name) in named
                    }
                    waiting += self._rules(chosen, {extra})

    def _versions(self, edge: _Edge) -> list[dict[str, Any]]:
        """The entries that an edge means: of several versions, those that it admits."""
        entries = self._entries.get(edge.name, [])
        if len(entries) < 2:
            return entries
        return [entry for entry in entries if _admits(edge.specifier, entry["version"])]


def _beside(entry: dict[str, Any]) -> bool:
    """Whether a package is for development, or for an extra (before lock version 2)."""
    return bool(entry.get("optional")) or entry.get("category", _MAIN) != _MAIN


def _admits(constraint: str, version: str) -> bool:
    """Poetry's constraints: PEP 440, with `^` and `~` and `||` between alternatives."""
    for alternative in re.split(r"\s*\|\|?\s*", constraint.strip() or "*"):
        parts = [part for part in re.split(r"\s*,\s*|\s+(?=[<>=!^~])", alternative) if part]
        try:
            rule = SpecifierSet(",".join(filter(None, map(_pep440, parts))))
        except InvalidSpecifier:
            return True
        if rule.contains(version, prereleases=True):
            return True
    return False


def _pep440(part: str) -> str:
    if part == "*":
        return ""
    if part[0] == "^" or (part[0] == "~" and not part.startswith("~=")):
        return _caret(part[1:].strip(), tilde=part[0] == "~")
    return part if part[0] in "<>=!~" else f"=={part}"


def _caret(version: str, *, tilde: bool) -> str:
    numbers = [int(number) for number in re.findall(r"\d+", version.split("+")[0])[:3]]
    if tilde:
        place = min(1, len(numbers) - 1)
    else:
        place = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
    upper = [*numbers[:place], numbers[place] + 1]
    return f">={version},<{'.'.join(map(str, upper))}"


def _package(
    entry: dict[str, Any], files: dict[str, Any], applies: bool, base_dir: Path
) -> Package:
    offers = entry.get("files") or files.get(entry["name"], [])
    found = [one for offer in offers if (one := _candidate(offer))]
    sources = [one for one in found if not one.is_wheel]
    source = entry.get("source", {})
    kind = source.get("type", "")
    return Package(
        name=canonicalize_name(entry["name"]),
        version=entry["version"],
        applies=applies,
        wheels=tuple(one for one in found if one.is_wheel),
        other={"git": ("vcs",), "directory": ("directory",)}.get(kind, ("sdist",)),
        source=sources[0] if sources else None,
        directory=base_dir / source["url"] if kind == "directory" else None,
        repository=Repository(
            url=source["url"],
            commit=source["resolved_reference"],
            subdirectory=source.get("subdirectory"),
        )
        if kind == "git"
        else None,
    )


def _candidate(offer: dict[str, Any]) -> Candidate | None:
    algorithm, _, value = offer["hash"].partition(":")
    return offered(None, offer["file"], value) if algorithm == "sha256" else None
