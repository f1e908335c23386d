"""Reads git objects and checks each against its name: `git cat-file` gives an overwritten loose
object without complaint.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from reprobox.errors import SourceError
from reprobox.source.git import Git, failed

CHUNK = 1 << 20


class Hasher:
    """The name that git gives to content: the hash of a header and the bytes (gitformat-pack; 40
    hex digits SHA-1, 64 SHA-256).
    """

    def __init__(self, oid: str, kind: str, size: int) -> None:
        self._hash = hashlib.new(
            "sha1" if len(oid) == 40 else "sha256",
            f"{kind} {size}\0".encode(),
            usedforsecurity=False,
        )
        self.update = self._hash.update
        self.name = self._hash.hexdigest


class Object:
    """An object as it comes from git; its bytes are read once, in order."""

    def __init__(self, oid: str, kind: str, size: int, pipe: IO[bytes]) -> None:
        self.oid, self.kind, self.size = oid, kind, size
        self._pipe, self._left = pipe, size
        self._hasher = Hasher(oid, kind, size)

    def chunks(self) -> Iterator[bytes]:
        """The bytes.

        Raises:
            SourceError: at the end, when they are not what the object's name says.
        """
        while self._left:
            chunk = self._pipe.read(min(CHUNK, self._left))
            if not chunk:
                raise SourceError(f"git stopped in the middle of object {self.oid}")
            self._left -= len(chunk)
            self._hasher.update(chunk)
            yield chunk
        self._pipe.read(1)
        if self._hasher.name() != self.oid:
            raise SourceError(
                f"the git object {self.oid} is damaged: its bytes have the name "
                f"{self._hasher.name()}",
                next_step="git fsck names all damaged objects; fetch them again from another clone",
            )

    def data(self) -> bytes:
        """All the bytes, checked."""
        return b"".join(self.chunks())


def read(git: Git, oids: Iterable[str], kind: str) -> Iterator[Object]:
    """Objects in the order asked for; each must be read to its end before the next.

    Raises:
        SourceError: an object is missing, damaged, or of another kind.
    """
    names = "".join(f"{oid}\n" for oid in oids).encode("ascii")
    if not names:
        return
    with tempfile.TemporaryFile() as asked:
        asked.write(names)
        asked.seek(0)
        with git.piped("cat-file", "--batch", "--buffer", direction="read", stdin=asked) as batch:
            while header := batch.pipe.readline():
                yield _object(header, kind, batch.pipe, git)
            done = batch.finish()
            if not done.ok:
                raise failed(done, git.at)


def one(git: Git, oid: str, kind: str) -> bytes:
    """The bytes of a single object; raises as `read` does."""
    return b"".join(item.data() for item in read(git, [oid], kind))


def _object(header: bytes, kind: str, pipe: IO[bytes], git: Git) -> Object:
    oid, _, rest = header.decode("ascii", "replace").rstrip("\n").partition(" ")
    found, _, size = rest.partition(" ")
    if found != kind:
        what = "is missing" if found == "missing" else f"is a {found} and not a {kind}"
        raise SourceError(
            f"the git object {oid} {what} in {git.at}",
            why="The repository is a partial clone, or damaged." if found == "missing" else "",
            next_step="git fetch, or git fsck to see what is damaged",
        )
    return Object(oid, found, int(size), pipe)
