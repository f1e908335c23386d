"""Reads git objects and checks each against its name: `git cat-file` gives an overwritten loose
object without complaint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import IO

from reprobox.errors import SourceError
from reprobox.kit import proc
from reprobox.kit.regex import regex
from reprobox.source.git import Git, failed

CHUNK = 1 << 20
_NOT_FETCHED = regex(rb"could not fetch ([0-9a-f]{40,64}) from promisor remote")
_ABSENT = regex(rb" (missing|ambiguous)\n\Z")


class MissingObjectError(SourceError):
    """An object is not on this disk."""


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
        self.read = False
        """Whether all of it was read."""

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
        self.read = True
        if self._hasher.name() != self.oid:
            raise SourceError(
                f"the git object {self.oid} is damaged: its bytes have the name "
                f"{self._hasher.name()}",
                next_step="git fsck names all damaged objects; fetch them again from another clone",
            )

    def data(self) -> bytes:
        """All the bytes, checked."""
        return b"".join(self.chunks())


class Reader:
    """Reads the objects of one repository through `git cat-file --batch`, which is started at the
    first question and answers all others.

    Safe to use from several threads, and to read from while an earlier answer is still being read:
    each of those gets a process of its own.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._idle: list[proc.Dialogue] = []

    def read(self, names: Iterable[str], kind: str) -> Iterator[Object]:
        """Objects in the order asked for; each must be read to its end before the next.

        Args:
            names: full names, or anything that git resolves to one object of that kind.

        Raises:
            SourceError: an object is missing, damaged, or of another kind.
        """
        asked = [_question(name) for name in names]
        if not asked:
            return
        batch = self._take()
        at = 0
        while at < len(asked):
            sent = _fitting(asked, at, batch.room)
            self._ask(batch, b"".join(asked[at:sent]))
            for _ in range(at, sent):
                item = self._answer(batch, kind)
                yield item
                if not item.read:
                    raise ValueError(f"the object {item.oid} was not read to its end")
            at = sent
        # Reached only when every answer was read; else the process is out of step, and goes.
        self._idle.append(batch)

    def one(self, name: str, kind: str) -> bytes:
        """The bytes of a single object; raises as `read` does."""
        return b"".join(item.data() for item in self.read([name], kind))

    def find(self, name: str, kind: str) -> str | None:
        """The full name of the object that a name means; None when there is no such object.

        Raises:
            SourceError: it is damaged, or git fails.
        """
        batch = self._take()
        self._ask(batch, _question(name))
        header = self._header(batch)
        if _ABSENT.search(header):
            self._idle.append(batch)
            return None
        item = _object(header, kind, batch.answers, self._git)
        item.data()
        self._idle.append(batch)
        return item.oid

    def _take(self) -> proc.Dialogue:
        try:
            return self._idle.pop()
        except IndexError:
            return self._git.dialogue("cat-file", "--batch")

    def _ask(self, batch: proc.Dialogue, question: bytes) -> None:
        try:
            batch.questions.write(question)
            batch.questions.flush()
        except BrokenPipeError as error:
            raise failed(batch.finish(), self._git.at) from error

    def _answer(self, batch: proc.Dialogue, kind: str) -> Object:
        return _object(self._header(batch), kind, batch.answers, self._git)

    def _header(self, batch: proc.Dialogue) -> bytes:
        header = batch.answers.readline()
        if header:
            return header
        done = batch.finish()
        # In a partial clone git tries to fetch what is missing, is not let, and ends.
        if missing := _NOT_FETCHED.search(done.err):
            raise MissingObjectError(
                f"the git object {missing[1].decode()} is missing in {self._git.at}",
                why="The repository is a partial clone.",
            )
        raise failed(done, self._git.at)


def _question(name: str) -> bytes:
    """A line of the batch. Raises SourceError for a name that would be two."""
    line = name.encode("utf-8", "surrogateescape")
    if b"\n" in line or b"\0" in line:
        raise SourceError(f"{name!r} names nothing in git")
    return line + b"\n"


def _fitting(asked: list[bytes], start: int, room: int) -> int:
    """The end of the questions that can be asked at once, at least one."""
    end, left = start + 1, room - len(asked[start])
    while end < len(asked) and len(asked[end]) <= left:
        left -= len(asked[end])
        end += 1
    return end


def _object(header: bytes, kind: str, pipe: IO[bytes], git: Git) -> Object:
    oid, _, rest = header.decode("ascii", "replace").rstrip("\n").partition(" ")
    found, _, size = rest.partition(" ")
    if found == "missing":
        raise MissingObjectError(
            f"the git object {oid} is missing in {git.at}",
            why="The repository is a partial clone, or damaged.",
            next_step="git fsck",
        )
    if found != kind:
        raise SourceError(
            f"the git object {oid} is a {found} and not a {kind} in {git.at}",
            next_step="git fsck",
        )
    return Object(oid, found, int(size), pipe)
