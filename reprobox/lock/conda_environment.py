"""The conda part of an environment: read before all else, because it may bring the interpreter."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from reprobox.errors import HashMismatch, ResolveError
from reprobox.lock import asked as asked_entries
from reprobox.lock import download
from reprobox.lock.asked import Asked
from reprobox.lock.download import Transport
from reprobox.lock.formats import conda
from reprobox.lock.formats.conda import Environment, Offer
from reprobox.lock.formats.readable import as_text
from reprobox.lock.target import Target
from reprobox.model.lock import Conda
from reprobox.model.ports import Objects, Progress

Reader = Callable[[Path, Asked, Target], Environment]
READERS: tuple[tuple[str, str, Reader], ...] = (
    ("pixi", "pixi.lock", conda.read_pixi),
    ("conda environment", "*.yml", conda.read_environment),
    ("conda environment", "*.yaml", conda.read_environment),
    ("conda explicit list", "*.txt", conda.read_explicit),
)
"""Name, pattern of file names, and reader."""


def reader_of(path: Path) -> Reader | None:
    """How a file of conda is read; None for other files."""
    for _, pattern, reader in READERS:
        if fnmatch(path.name, pattern) and "conda-lock" not in path.name and path.is_file():
            explicit = reader is conda.read_explicit
            if not explicit or conda.is_explicit(path.read_text("utf-8", "replace")):
                return reader
    return None


def read(entries: Sequence[str], root: Path, target: Target) -> tuple[Environment, list[str]]:
    """What all conda files of an environment ask for, and the entries that are not conda's.

    Raises:
        LockInvalid: a file cannot be read.
        ResolveError: two files name different builds, or the interpreter is not the config's.
    """
    packages: dict[str, Offer] = {}
    pip: list[str] = []
    others: list[str] = []
    for entry in entries:
        asked = asked_entries.parse(entry)
        reader = reader_of(root / asked.file)
        if reader is None:
            others.append(entry)
            continue
        with as_text(asked.file):
            found = reader(root / asked.file, asked, target)
        pip += found.pip
        for one in found.packages:
            other = packages.setdefault(one.name, one)
            if (other.version, other.build) != (one.version, one.build):
                raise ResolveError(
                    f"{asked.file} has {one.name} {one.version} ({one.build}), another conda file "
                    f"has {other.version} ({other.build})",
                    next_step="make the files agree, or name only one of them",
                )
    _check_python(packages, target)
    return Environment(packages=tuple(packages.values()), pip=tuple(pip)), [*others, *pip]


def _check_python(packages: dict[str, Offer], target: Target) -> None:
    version = conda.interpreter(packages.values())
    if version is not None and version != target.python:
        raise ResolveError(
            f"the conda packages have Python {version}, the config asks for {target.python}",
            next_step=f"say `python: '{version}'` in the config",
        )
    if packages and version is None and any(one.subdir == "noarch" for one in packages.values()):
        raise ResolveError(
            "the conda packages have no interpreter, and some are Python packages for any",
            why="They would be where no interpreter looks.",
            next_step="list the package `python` too (`conda list --explicit` does)",
        )


def fetch(
    offers: Sequence[Offer], *, objects: Objects, transport: Transport, progress: Progress
) -> tuple[Conda, ...]:
    """The packages, in the store, each by its sha256.

    Raises:
        FetchError, HashMismatch: one could not be had, or is not what its list says.
    """
    digests = {one.url: _known(one, objects) for one in offers}
    items = [
        download.Item(label=one.filename, digest=digest, urls=(one.url,))
        for one in offers
        if (digest := digests[one.url]) is not None
    ]
    download.fetch(
        items,
        objects=objects,
        transport=transport,
        progress=progress,
        what="fetching conda packages",
    )
    for one in offers:
        if digests[one.url] is None:
            digests[one.url] = _fetched(one, objects, transport, progress)
    return tuple(
        sorted(
            (_package(one, str(digests[one.url]), objects) for one in offers),
            key=lambda package: (package.name, package.filename),
        )
    )


def _known(offer: Offer, objects: Objects) -> str | None:
    if offer.sha256:
        return f"sha256:{offer.sha256}"
    found = objects.memo(f"lock/md5/{offer.md5}") if offer.md5 else None
    return found if isinstance(found, str) and objects.has(found) else None


def _fetched(offer: Offer, objects: Objects, transport: Transport, progress: Progress) -> str:
    """A package whose list has no sha256: checked against its md5, where it has one."""
    with (
        progress.task(f"fetching {offer.filename}"),
        tempfile.NamedTemporaryFile(prefix="reprobox-conda-") as file,
    ):
        download.once(offer.url, Path(file.name), transport)
        file.seek(0)
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if offer.md5 and md5 != offer.md5:
            raise HashMismatch(
                f"{offer.filename} is not what its list says",
                why=f"expected md5 {offer.md5}, found {md5}",
                next_step="find out who changed the file, or make the list again",
            )
        digest = objects.put_file(Path(file.name))
    objects.remember(f"lock/md5/{md5}", digest)
    return digest


def _package(offer: Offer, digest: str, objects: Objects) -> Conda:
    return Conda(
        name=offer.name,
        version=offer.version,
        build=offer.build,
        subdir=offer.subdir,
        filename=offer.filename,
        sha256=digest,
        size=objects.path(digest).stat().st_size,
    )
