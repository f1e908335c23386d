"""A lock backed by bytes: what is missing, fetching it by hash, and reading all of it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from reprobox.errors import FetchError, HashMismatch
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock import debs, download, pip_settings, sdists, standalone, wheel_index
from reprobox.lock.target import Target
from reprobox.model.lock import Lock, Wheel
from reprobox.model.ports import Objects, Progress, WheelMaker

_ELSEWHERE = (
    "connect to the network, pull from a store that has it (`reprobox pull`), or make a new lock "
    "with `reprobox lock --upgrade`"
)


@dataclass(frozen=True, kw_only=True)
class Needed:
    """One piece of bytes that a lock names."""

    kind: Literal["wheel", "deb", "conda", "python", "layer"]
    name: str
    version: str
    filename: str
    digest: str
    size: int | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.filename} ({self.digest})"


def needed(lock: Lock) -> Iterator[Needed]:
    """Everything that a lock names by hash; what garbage collection must keep."""
    for wheel in lock.wheels:
        yield Needed(
            kind="wheel",
            name=wheel.name,
            version=wheel.version,
            filename=wheel.filename,
            digest=wheel.sha256,
            size=wheel.size,
        )
    for deb in (*lock.base.packages, *lock.debs):
        yield Needed(
            kind="deb",
            name=deb.name,
            version=deb.version,
            filename=deb.filename,
            digest=deb.sha256,
            size=deb.size,
        )
    for package in lock.conda:
        yield Needed(
            kind="conda",
            name=package.name,
            version=package.version,
            filename=f"{package.subdir}/{package.filename}",
            digest=package.sha256,
            size=package.size,
        )
    if own := lock.python.standalone:
        yield Needed(
            kind="python",
            name="python",
            version=own.version,
            filename=own.filename,
            digest=own.sha256,
            size=own.size,
        )
    for diff_id in lock.base.diff_ids:
        yield Needed(
            kind="layer",
            name=lock.base.reference,
            version="",
            filename=f"of {lock.base.reference}",
            digest=diff_id,
        )


def missing(lock: Lock, objects: Objects) -> list[Needed]:
    """What the store does not have."""
    return [piece for piece in needed(lock) if not objects.has(piece.digest)]


def complete(
    lock: Lock,
    objects: Objects,
    progress: Progress,
    offline: bool = False,
    root: Path | None = None,
    maker: WheelMaker | None = None,
) -> None:
    """Makes every wheel and deb of a lock present, from the user's own indexes and mirrors, by
    hash.

    Args:
        root: where uv looks for its project configuration; the current directory by default.
        maker: builds a wheel again that was made of a source distribution.

    Raises:
        FetchError: something is missing and cannot be had; `why` names each.
        HashMismatch: bytes in the store or from a server are not the lock's.
    """
    check_sizes(lock, objects)
    absent = missing(lock, objects)
    if not absent:
        return
    # The lock has no address; of wheels and Debian packages the user's own indexes know one.
    lost = [piece for piece in absent if piece.kind in ("layer", "conda")]
    if offline or lost:
        gone = absent if offline else lost
        raise FetchError(
            _count(gone) + (" and this is offline" if offline else ""),
            why="\n".join(map(str, gone)),
            next_step=_ELSEWHERE,
        )
    here = root or Path.cwd()
    built = {wheel.sha256 for wheel in lock.wheels if wheel.built}
    fetched = [piece for piece in absent if piece.digest not in built]
    standalone.complete(lock.python, objects, progress)
    _fetch_wheels(lock, fetched, objects, progress, here)
    _fetch_debs(lock, fetched, objects, progress)
    _build_again(lock, objects, progress, here, maker)


def _count(pieces: list[Needed]) -> str:
    return f"{len(pieces)} file(s) that the lock names are not in the store"


def check_sizes(lock: Lock, objects: Objects) -> None:
    """Notices cut or grown files cheaply; `verify` reads them.

    Raises:
        HashMismatch: a file in the store has another size than the lock says.
    """
    wrong = [
        piece
        for piece in needed(lock)
        if piece.size is not None
        and objects.has(piece.digest)
        and objects.path(piece.digest).stat().st_size != piece.size
    ]
    _refuse(wrong, objects)


def verify(lock: Lock, objects: Objects, progress: Progress) -> None:
    """Reads everything again.

    Raises:
        FetchError: something is missing.
        HashMismatch: bytes in the store are not what their name says.
    """
    absent = missing(lock, objects)
    if absent:
        raise FetchError(
            _count(absent),
            why="\n".join(map(str, absent)),
            next_step="fetch them with `reprobox lock --vendor`",
        )
    pieces = list(needed(lock))
    wrong = []
    with progress.task(
        "verifying the lock's files",
        sum(objects.path(piece.digest).stat().st_size for piece in pieces),
    ) as bar:
        for piece in pieces:
            if not objects.verify(piece.digest):
                wrong.append(piece)
            bar.update(objects.path(piece.digest).stat().st_size)
    _refuse(wrong, objects)


def _refuse(wrong: list[Needed], objects: Objects) -> None:
    if wrong:
        raise HashMismatch(
            f"{len(wrong)} file(s) in the store are not what the lock names",
            why="\n".join(f"{piece} at {objects.path(piece.digest)}" for piece in wrong),
            next_step="delete them and fetch them again with `reprobox lock --vendor`",
        )


def _fetch_wheels(
    lock: Lock, absent: list[Needed], objects: Objects, progress: Progress, root: Path
) -> None:
    pieces = [piece for piece in absent if piece.kind == "wheel"]
    if not pieces:
        return
    settings = pip_settings.read()
    digests = {piece.digest for piece in pieces}
    pins = {(piece.name, piece.version) for piece in pieces}
    target = Target(python=lock.python.version)
    found = wheel_index.find(
        pins,
        root=root,
        target=target,
        settings=settings,
        accept=lambda wheel: wheel.digest in digests,
    )
    urls: dict[str, list[str]] = {}
    for wheel in (wheel for wheels in found.values() for wheel in wheels if wheel.url):
        urls.setdefault(wheel.digest, []).append(str(wheel.url))
    _fetch(pieces, urls, objects, download.Transport.of(settings), progress, "wheels")


def _build_again(
    lock: Lock, objects: Objects, progress: Progress, root: Path, maker: WheelMaker | None
) -> None:
    absent = [wheel for wheel in lock.wheels if wheel.built and not objects.has(wheel.sha256)]
    if not absent:
        return
    sources = sdists.Sources(
        root=root,
        target=Target(python=lock.python.version),
        settings=pip_settings.read(),
        objects=objects,
        progress=progress,
        system=replace(lock, wheels=(), contested=(), image=None, bytecode=False),
        maker=maker,
    )
    for wheel in absent:
        sources.again(wheel)


def origins(wheel: Wheel) -> Iterator[str]:
    """Digests of what a built wheel was made of: its source, and its build environment."""
    if wheel.built is not None:
        yield wheel.built.sdist.sha256
        for needed in wheel.built.requires:
            yield needed.sha256
            yield from origins(needed)


def _fetch_debs(lock: Lock, absent: list[Needed], objects: Objects, progress: Progress) -> None:
    pieces = [piece for piece in absent if piece.kind == "deb"]
    if not pieces:
        return
    with debs.archive_of(lock.base, objects, progress) as apt:
        urls = apt.addresses(
            {piece.digest: (piece.name, piece.version, piece.filename) for piece in pieces}
        )
        _fetch(pieces, urls, objects, apt.transport(), progress, "Debian packages")


def _fetch(
    pieces: list[Needed],
    urls: dict[str, list[str]],
    objects: Objects,
    transport: download.Transport,
    progress: Progress,
    what: str,
) -> None:
    nowhere = [piece for piece in pieces if piece.digest not in urls]
    if nowhere:
        raise FetchError(
            f"{len(nowhere)} file(s) that the lock names are in no index any more",
            why="\n".join(map(str, nowhere)),
            next_step=_ELSEWHERE,
        )
    items = [
        download.Item(
            label=piece.filename,
            digest=piece.digest,
            urls=tuple(urls[piece.digest]),
            size=piece.size,
        )
        for piece in pieces
    ]
    download.fetch(
        items, objects=objects, transport=transport, progress=progress, what=f"fetching {what}"
    )
