"""Where registries have the image of a run, next to the record: an image may be pushed long after
the record was written.

Documents are numbered like verdicts, never replaced, and travel with the run. They say no time, so
that the same address noted on two machines is the same document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from reprobox.errors import ReproboxError, StoreDamaged
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.model import codec
from reprobox.store import layout
from reprobox.store.numbered_files import add_numbered, numbered
from reprobox.store.runs import Runs

FOLDER = "addresses"
_MOST = 32
"""Addresses that are tried: each may be a machine that does not answer, chosen by the sender."""
_ADDRESS = regex(r"[a-z0-9][a-z0-9._:/-]{0,500}@sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Address:
    """A registry that has an image. It is only where to look: what comes from there is checked
    against the record's digests.
    """

    FORMAT: ClassVar[str] = "reprobox.address/1"

    format: str = FORMAT
    image: str
    """Config digest of the image."""
    address: str
    """`host/name@sha256:...`."""


def decode(data: bytes, *, where: str, error: type[ReproboxError] = StoreDamaged) -> Address:
    """Reads one, strictly.

    Raises:
        error: it is none.
        NewerFormat: it was written by a newer reprobox.
    """
    found = codec.decode(Address, data, where=where, error=error)
    if (
        not canon.is_digest(found.image)
        or not _ADDRESS.fullmatch(found.address)
        or ".." in found.address
    ):
        raise error(f"{where} is not the address of an image", why=f"{found.address[:200]!r}")
    return found


def note(runs: Runs, run_id: str, image: str, address: str) -> None:
    """Keeps an address with a run; one that is known stays as it is.

    Args:
        image: config digest of the image.
    """
    data = codec.encode(Address(image=image, address=address))
    run = runs.path(run_id)
    with layout.trouble(f"reading the addresses of {run_id}"):
        known = any(path.read_bytes() == data for path in numbered(run, FOLDER))
    if not known:
        add_numbered(run, FOLDER, data)


def known(runs: Runs, image: str) -> tuple[str, ...]:
    """Where an image can be had, as any run of the project that had it knows, the newest run first.

    Raises:
        StoreDamaged: a document cannot be read.
    """
    seen: dict[str, None] = {}
    for found in _all(runs, image):
        if found.image == image:
            seen[found.address] = None
        if len(seen) == _MOST:
            break
    return tuple(seen)


def _all(runs: Runs, image: str) -> Iterator[Address]:
    for row in runs.index.rows("image = ?", (image,)):
        for path in numbered(runs.folder / row.id, FOLDER):
            with layout.trouble(f"reading {path}"):
                data = path.read_bytes()
            yield decode(data, where=str(path))
