"""pylock.toml (PEP 751): read strictly where a choice depends on it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from reprobox.errors import LockInvalid, NewerFormat, ResolveError
from reprobox.lock.candidate import Candidate, best, filename_of, offered
from reprobox.lock.target import Target


@dataclass(frozen=True, kw_only=True)
class Package:
    """One `[[packages]]` entry."""

    name: str
    version: str
    applies: bool
    wheels: tuple[Candidate, ...]
    other: tuple[str, ...]
    """What there is besides wheels: sdist, vcs, directory, archive."""
    source: Candidate | None = None
    """The source distribution, where it has a hash."""


def parse(text: str, *, where: str, directory: Path, target: Target) -> list[Package]:
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
        values = _marker_values(document, target)
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


def _marker_values(document: dict[str, Any], target: Target) -> dict[str, Any]:
    return {
        **target.markers(),
        "extras": frozenset(),
        "dependency_groups": frozenset(document.get("default-groups", [])),
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


def select(
    packages: Iterable[Package], target: Target, *, where: str, build: bool = True
) -> list[Candidate]:
    """The best wheel of each package that applies, else its source distribution.

    Args:
        build: whether source distributions are built into wheels.

    Raises:
        ResolveError: some have neither, with the reason for each.
    """
    chosen: list[Candidate] = []
    refused: list[str] = []
    pins: list[str] = []
    for package in packages:
        if not package.applies:
            continue
        found = best(package.wheels, target) or (package.source if build else None)
        if found is None:
            refused.append(f"{package.name} {package.version}: {_reason(package)}")
            pins += [f"{package.name}=={package.version}"] if package.source else []
        else:
            chosen.append(found)
    if refused:
        raise ResolveError(
            f"{where}: no wheel for {len(refused)} package(s)",
            why="\n".join(refused),
            next_step=build_once(pins) if pins else _NO_SOURCE,
        )
    return chosen


_NO_SOURCE = "ask for versions that have a wheel for this interpreter and platform"


def build_once(pins: Sequence[str]) -> str:
    """How the wheels of source distributions are made by hand."""
    words = " ".join(f"'{pin}'" for pin in pins)
    return (
        f"take `build: no` out of the config, or build once by hand: `pip wheel --no-deps {words} "
        "-w DIR`, name DIR in pip's find-links, and lock again"
    )


def _reason(package: Package) -> str:
    if "vcs" in package.other or "directory" in package.other:
        return "it comes from a repository or directory, which has no hash to lock"
    if package.source is not None:
        return "it comes as source only (sdist), and the config says `build: no`"
    if package.wheels:
        return (
            "none of its wheels fits this interpreter and platform ("
            + ", ".join(_shortest(package))
            + ")"
        )
    return "it has neither a wheel nor a source distribution with a sha256"


def _shortest(package: Package) -> Iterator[str]:
    names = sorted(wheel.filename for wheel in package.wheels)
    yield from names[:3]
    if len(names) > 3:
        yield f"and {len(names) - 3} more"
