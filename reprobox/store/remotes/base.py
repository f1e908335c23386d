"""What every kind of remote store offers, and what the kinds have in common.

A store is a place with named bytes:

    reprobox-remote             the format, `reprobox.remote/1`
    blobs/ab/cdef...            bytes by their sha256, as they are: sha256sum checks them
    packs/<run>.<sha256>.pack   many small blobs of a run, end to end; named by the sha256 of all
    packs/<run>.<sha256>.json   digest and size of each, in the same order
    runs/<run>.json             the card of a run; written last, so whatever it names is there
    additions/<run>.<n>-<sha256>.json   what a later push added to the card, one file a push
    tmp/                        what is being written

Files are never changed: two pushes at once each add a file of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from reprobox.errors import StoreError
from reprobox.store.transfer.copy import Readable

CHUNK = 1 << 20
MARK = "reprobox-remote"
FORMAT = "reprobox.remote/1"
"""What the mark says, with a line end."""
UNFINISHED = "tmp"
"""The folder of a place for files that are being written."""
DEAD_AFTER = 7 * 24 * 3600.0
"""Seconds without a change after which such a file has no writer any more."""


class Place(Protocol):
    """Named bytes somewhere. Names are `/`-separated and of harmless characters only. Every method
    raises StoreError when the place cannot be reached, read or written.
    """

    url: str

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """The size in bytes of each name that is there and is a file."""

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """Names directly in a folder that begin with the prefix, without the folder, sorted; none
        when it is not there.
        """

    def read(self, name: str, offset: int = 0, *, most: int) -> AbstractContextManager[Readable]:
        """Bytes from an offset on. Raises StoreError when the name is absent or no file.

        Args:
            most: bytes that are wanted at most; what is there may be larger than expected.
        """

    def write(self, name: str, stream: Readable) -> None:
        """Writes whole or not at all; an exception of the stream comes out as it is, and nothing is
        there then.
        """

    def create(self, name: str, data: bytes) -> bool:
        """Writes a small file unless the name is taken. Of several writers one gets True.

        False also where the place cannot promise that; the name may be free then.
        """

    def clear(self) -> None:
        """Removes what writers that died have left unfinished."""

    def close(self) -> None:
        """Closes connections."""


class NotAFile(StoreError):
    """A name in a store is a directory, a FIFO, or something else that has no bytes."""


def gone(url: str, name: str) -> StoreError:
    """A name that should be there is not."""
    return StoreError(f"{name} is not in {url}", next_step="push the run there again")


def not_a_file(url: str, name: str) -> NotAFile:
    """A name is there and has no bytes."""
    return NotAFile(
        f"{name} in {url} is not a regular file", next_step="remove it there, then try again"
    )
