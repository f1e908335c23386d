"""conda: explicit lists (`@EXPLICIT`), pixi.lock, and environment.yml, which is resolved.

py-rattler reads pixi.lock and resolves; it is an extra (`reprobox[conda]`), imported there alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from reprobox.errors import LockInvalid, ResolveError, UsageError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.lock.asked import Asked
from reprobox.lock.target import Target

PLATFORM = "linux-64"
_SUBDIRS = (PLATFORM, "noarch")
_PACKAGE = regex(
    r"(?P<url>\S+/(?P<subdir>[^/#]+)/(?P<file>(?P<name>[^/#]+)-(?P<version>[^-/#]+)"
    r"-(?P<build>[^-/#]+)\.(?:conda|tar\.bz2)))(?:#(?P<hash>\S+))?"
)
_HASHES = {32: "md5", 64: "sha256"}
_SECTION = regex(r"(?P<key>\w+):\s*(?P<value>.*)")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A conda package at an address."""

    name: str
    version: str
    build: str
    subdir: str
    filename: str
    url: str
    md5: str | None = None
    sha256: str | None = None
    """Hexadecimal, both."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What a file of conda asks for."""

    packages: tuple[Offer, ...]
    pip: tuple[str, ...] = ()
    """Requirements that are pip's."""


def is_explicit(text: str) -> bool:
    """Whether a text file is an explicit list."""
    return any(line.strip() == "@EXPLICIT" for line in text.splitlines())


def read_explicit(path: Path, asked: Asked, target: Target) -> Environment:
    """The packages of `conda list --explicit`, with md5 or sha256 or without.

    Raises:
        LockInvalid: a line is not a package's URL, or not for this platform.
    """
    lines = path.read_text("utf-8").splitlines()
    found = [_offer(line, path.name) for raw in lines if (line := _bare(raw))]
    return Environment(packages=tuple(found))


def _bare(line: str) -> str:
    line = line.strip()
    return "" if line.startswith(("#", "@")) else line


def _offer(line: str, where: str) -> Offer:
    match = _PACKAGE.fullmatch(line)
    if match is None:
        raise LockInvalid(
            f"{where} has a line that is not a package: {line[:120]}",
            next_step="make it with `conda list --explicit`",
        )
    if match["subdir"] not in _SUBDIRS:
        raise LockInvalid(
            f"{where} has a package for {match['subdir']}: {match['file']}",
            why=f"The image is {PLATFORM}.",
            next_step="make the list on Linux (x86_64)",
        )
    value = (match["hash"] or "").removeprefix("sha256:").removeprefix("md5:").lower()
    kind = _HASHES.get(len(value))
    if value and kind is None:
        raise LockInvalid(
            f"{where}: {match['file']} has a hash that is neither md5 nor sha256",
            next_step="make the list again with `conda list --explicit --sha256`",
        )
    return Offer(
        name=match["name"],
        version=unquote(match["version"]),
        build=match["build"],
        subdir=match["subdir"],
        filename=unquote(match["file"]),
        url=match["url"],
        md5=value if kind == "md5" else None,
        sha256=value if kind == "sha256" else None,
    )


def _rattler(what: str) -> Any:
    try:
        import rattler
    except ImportError as error:
        raise UsageError(
            f"{what} needs the library py-rattler, which is not installed",
            next_step="pip install 'reprobox[conda]'",
        ) from error
    return rattler


def read_pixi(path: Path, asked: Asked, target: Target) -> Environment:
    """The packages of a pixi.lock's default environment, or of the one asked for as a group.

    Raises:
        LockInvalid: it is not a pixi.lock.
        ResolveError: it has not that environment, or it is not for this platform.
    """
    rattler = _rattler("pixi.lock")
    try:
        lock = rattler.LockFile.from_path(path)
        names = [name for name, _ in lock.environments()]
        wanted = asked.groups[0] if asked.groups else "default"
        environment = lock.environment(wanted) if wanted in names else None
    except Exception as error:  # rattler's own errors have no common class
        raise LockInvalid(
            f"{path.name} is not a pixi.lock", why=str(error), next_step="run `pixi lock`"
        ) from error
    if environment is None:
        raise ResolveError(
            f"{path.name} has no environment {wanted}",
            why=f"It has {', '.join(names)}.",
            next_step=f"ask for one: {{file: {path.name}, groups: [{names[0]}]}}",
        )
    return Environment(
        packages=tuple(map(_of_record, _records(environment, path.name))),
        pip=tuple(_pins(environment)),
    )


def _records(environment: Any, where: str) -> list[Any]:
    for platform in environment.platforms():
        if str(getattr(platform, "name", platform)) == PLATFORM:
            return list(environment.conda_repodata_records_for_platform(platform) or ())
    raise ResolveError(
        f"{where} is not for {PLATFORM}",
        next_step=f"add `{PLATFORM}` to the platforms of pixi.toml, and run `pixi lock`",
    )


def _pins(environment: Any) -> Iterator[str]:
    for platform in environment.platforms():
        if str(getattr(platform, "name", platform)) == PLATFORM:
            for package in environment.pypi_packages_for_platform(platform) or ():
                yield f"{package.name}=={package.version}"


def _of_record(record: Any) -> Offer:
    return Offer(
        name=record.name.normalized,
        version=str(record.version),
        build=record.build,
        subdir=record.subdir,
        filename=record.file_name,
        url=str(record.url),
        md5=record.md5.hex() if record.md5 else None,
        sha256=record.sha256.hex() if record.sha256 else None,
    )


def read_environment(path: Path, asked: Asked, target: Target) -> Environment:
    """An environment.yml, resolved against its channels.

    Raises:
        LockInvalid: it is not an environment, or one with more than names and lists.
        ResolveError: nothing satisfies it.
    """
    channels, specs, pip = _parsed(path)
    if not channels:
        raise ResolveError(
            f"{path.name} names no channels", next_step="add `channels: [...]` to it"
        )
    rattler = _rattler("environment.yml")
    channel_list = [rattler.Channel(channel) for channel in channels]

    async def solve() -> list[Any]:
        found: list[Any] = await rattler.solve(
            sources=channel_list,
            specs=[rattler.MatchSpec(spec) for spec in specs],
            platforms=list(_SUBDIRS),
            virtual_packages=_virtual(rattler, target),
        )
        return found

    try:
        records = asyncio.run(solve())
    except Exception as error:  # rattler's own errors have no common class
        raise ResolveError(
            f"no set of conda packages satisfies {path.name}",
            why=str(error),
            next_step="change its dependencies or channels, and lock again",
        ) from error
    return Environment(packages=tuple(map(_of_record, records)), pip=pip)


def _virtual(rattler: Any, target: Target) -> list[Any]:
    """What the image has, never what this host has."""
    make = rattler.GenericVirtualPackage
    build_of = getattr(rattler, "BuildString", str)  # a class of its own since 0.24
    words = (
        ("__unix", "0", "0"),
        ("__linux", "5.10", "0"),
        ("__glibc", f"2.{target.minor}", "0"),
        ("__archspec", "1", "x86_64"),
    )
    return [
        make(rattler.PackageName(name), rattler.Version(version), build_of(build))
        for name, version, build in words
    ]


def _parsed(path: Path) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Channels, specs and pip's requirements. The file is read as what `conda env export` writes:
    names with lists of texts, and one inner list under `pip:`.
    """
    lists: dict[str, list[str]] = {}
    key, inner = "", 0
    for number, raw in enumerate(path.read_text("utf-8").splitlines(), start=1):
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if not text or text == "---":
            continue
        if text.startswith("- "):
            item = text[2:].strip().strip("\"'")
            if item == "pip:" and key == "dependencies":
                inner = indent + 1
                continue
            place = "pip" if inner and indent >= inner else key
            inner = inner if place == "pip" else 0
            lists.setdefault(place, []).append(item)
        elif (match := _SECTION.fullmatch(text)) and not indent:
            key, inner = match["key"], 0
            value = match["value"].strip()
            if value.startswith("["):
                lists[key] = [word.strip().strip("\"'") for word in value.strip("[]").split(",")]
        else:
            raise LockInvalid(
                f"{path.name} has a line {number} that is not understood: {text[:80]}",
                next_step="write it as `conda env export` does: lists of texts",
            )
    if "dependencies" not in lists:
        raise LockInvalid(
            f"{path.name} is not a conda environment",
            why="It has no `dependencies`.",
            next_step="name a conda environment, or a requirements file",
        )
    return (
        [channel for channel in lists.get("channels", []) if channel != "nodefaults"],
        lists["dependencies"],
        tuple(lists.get("pip", ())),
    )


def interpreter(packages: Iterable[Offer]) -> str | None:
    """The version `X.Y` of the interpreter among packages."""
    for package in packages:
        if package.name == "python":
            return ".".join(package.version.split(".")[:2])
    return None
