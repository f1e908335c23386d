"""The order in which pip installs wheels: what others depend on comes first.

pip's resolver, `get_topological_weights`: packages without dependencies first, then those that
depend only on them, and so on; within one rank backwards by name. Cycles come last, by depth.
"""

from __future__ import annotations

import email
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from reprobox.kit.lazy_dataclass import dataclass

_VISITS = 5
"""pip looks at a node of a cycle so often and no more, because the walk is exponential."""


@dataclass
class _Graph:
    """Names, and names with an extra (`torch[cuda]`), with what each needs."""

    markers: Mapping[str, str]
    needs: dict[str, set[str]] = field(default_factory=dict)

    def add(self, name: str, requirements: Iterable[Requirement], extra: str = "") -> None:
        node = f"{name}[{extra}]" if extra else name
        found = self.needs.setdefault(node, set())
        if extra:
            found.add(name)
        for requirement in requirements:
            if self._holds(requirement, extra):
                other = canonicalize_name(requirement.name)
                found.add(other)
                found |= {f"{other}[{canonicalize_name(one)}]" for one in requirement.extras}

    def _holds(self, requirement: Requirement, extra: str) -> bool:
        try:
            marker = requirement.marker
            return marker is None or marker.evaluate({**self.markers, "extra": extra})
        except UndefinedEnvironmentName:
            return False


def of(wheels: Mapping[str, Path], markers: Mapping[str, str]) -> list[str]:
    """Normalised names in pip's order of installation, the first one first.

    Args:
        wheels: normalised name to the file.
        markers: values of environment markers.
    """
    requirements = {name: list(_requirements(path)) for name, path in wheels.items()}
    graph = _Graph(markers)
    for name, needed in requirements.items():
        graph.add(name, needed)
    asked = {node for needs in graph.needs.values() for node in needs if "[" in node}
    while asked - graph.needs.keys():
        for node in sorted(asked - graph.needs.keys()):
            name, _, extra = node.rstrip("]").partition("[")
            graph.add(name, requirements.get(name, ()), extra)
        asked = {node for needs in graph.needs.values() for node in needs if "[" in node}
    weights = _weights(graph.needs)
    return sorted(wheels, key=lambda name: (weights.get(name, 0), name), reverse=True)


def _weights(needs: Mapping[str, set[str]]) -> dict[str, int]:
    left = {node: set(others) & needs.keys() for node, others in needs.items()}
    weights: dict[str, int] = {}
    while leaves := {node for node, others in left.items() if not others}:
        weights |= dict.fromkeys(leaves, len(left))
        left = {node: others - leaves for node, others in left.items() if node not in leaves}
    return weights | _depths(left)


def _depths(cycles: Mapping[str, set[str]]) -> dict[str, int]:
    depths: dict[str, int] = {}
    visits: dict[str, int] = {}

    def visit(node: str, path: tuple[str, ...]) -> None:
        if node in path or visits.get(node, 0) >= _VISITS:
            return
        visits[node] = visits.get(node, 0) + 1
        for other in sorted(cycles[node]):
            visit(other, (*path, node))
        depths[node] = max(depths.get(node, 0), len(path) + 1)

    pointed = {other for others in cycles.values() for other in others}
    for node in sorted(cycles.keys() - pointed) or sorted(cycles):
        visit(node, ())
    return depths


def _requirements(path: Path) -> Iterable[Requirement]:
    """Of a wheel's METADATA; nothing where it cannot be read, since installing it says why."""
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = (
                name
                for name in archive.namelist()
                if name.endswith(".dist-info/METADATA") and name.count("/") == 1
            )
            lines = email.message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []
    except (zipfile.BadZipFile, ValueError, OSError):
        return
    for line in lines:
        try:
            yield Requirement(str(line))
        except InvalidRequirement:
            continue
