"""conda's explicit lists (`@EXPLICIT`): a Python package is taken as the wheel of the same version,
where there is one.

A conda package and a wheel of the same version are not the same bytes, and a list is full of C
libraries that wheels carry inside themselves; so what has no wheel is refused by name, and never
left out in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from reprobox.errors import LockInvalid, ResolveError
from reprobox.lock import wheel_index
from reprobox.lock.asked import Asked
from reprobox.lock.candidate import Candidate, best
from reprobox.lock.job import Job

# Python packages that conda calls otherwise.
_NAMES = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "python-tzdata": "tzdata",
}
# What the base brings, whatever the list says: the interpreter and its tools.
_BY_BASE = frozenset({"python", "python_abi", "pip", "setuptools", "wheel"})
_PACKAGE = re.compile(
    r"(?P<name>[^/]+)-(?P<version>[^-/]+)-(?P<build>[^-/]+)\.(?:conda|tar\.bz2)(?:#\S*)?$"
)


@dataclass(frozen=True, kw_only=True)
class CondaPackage:
    """A line of the list."""

    name: str
    """Normalised, as an index of wheels calls it."""
    version: str
    build: str


def read(path: Path, job: Job, asked: Asked) -> list[Candidate]:
    """The wheels of the Python packages of a list.

    Raises:
        ResolveError: packages have no wheel of their version, each with what to do.
    """
    packages = parse(path.read_text("utf-8"), where=path.name, python=job.target.python)
    pins = {package: (package.name, _version(package.version)) for package in packages}
    found = wheel_index.find(
        pins.values(),
        root=job.root,
        target=job.target,
        settings=job.settings,
        accept=lambda offer: best([offer], job.target) is not None,
    )
    refused = [package for package, pin in pins.items() if pin not in found]
    if refused:
        raise refusal(refused, where=path.name)
    return [wheel for pin in pins.values() if (wheel := best(found[pin], job.target))]


def _version(text: str) -> str:
    try:
        return str(Version(text))
    except InvalidVersion:
        return text


def is_explicit(text: str) -> bool:
    """Whether a text file is an explicit list."""
    return any(line.strip() == "@EXPLICIT" for line in text.splitlines())


def parse(text: str, *, where: str, python: str) -> list[CondaPackage]:
    """Reads the list, without the interpreter and its tools.

    Raises:
        LockInvalid: a line is not a package's URL.
        ResolveError: its interpreter is not the image's.
    """
    packages = list(_packages(text, where))
    for package in packages:
        if package.name == "python" and not package.version.startswith(f"{python}."):
            raise ResolveError(
                f"{where} has Python {package.version}, the config asks for {python}",
                next_step=f"say `python: '{'.'.join(package.version.split('.')[:2])}'` in the "
                "config",
            )
    return [package for package in packages if package.name not in _BY_BASE]


def _packages(text: str, where: str) -> Iterator[CondaPackage]:
    for line in (raw.strip() for raw in text.splitlines()):
        if not line or line.startswith(("#", "@")):
            continue
        match = _PACKAGE.search(line)
        if match is None:
            raise LockInvalid(
                f"{where} has a line that is no package: {line[:120]}",
                next_step="make it with `conda list --explicit`",
            )
        name = (
            match["name"]
            if match["name"] in _BY_BASE
            else canonicalize_name(_NAMES.get(match["name"], match["name"]))
        )
        yield CondaPackage(name=name, version=match["version"], build=match["build"])


def refusal(packages: list[CondaPackage], *, where: str) -> ResolveError:
    """Why these cannot be locked."""
    why = "\n".join(
        f"{package.name} {package.version} ({package.build}): {_advice(package)}"
        for package in packages
    )
    return ResolveError(
        f"{where}: {len(packages)} conda package(s) have no wheel of that version",
        why=why,
        next_step="list the Python packages that the experiment imports in a requirements file "
        "(wheels carry their C libraries), "
        "system libraries under `apt`, or use a Dockerfile base that runs conda",
    )


def _advice(package: CondaPackage) -> str:
    if package.build.startswith(("py", "cpu_py", "cuda")):
        return (
            "a Python package: ask for another version, or build a wheel once and name its "
            "directory in find-links"
        )
    return (
        "probably a library that wheels carry themselves: leave the line out, or name its Debian "
        "package under `apt`"
    )
