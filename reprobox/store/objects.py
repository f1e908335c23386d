"""Bytes by their sha256: written once, whole or not at all, read-only.

An object is written to `tmp/`, synced, and renamed to its name; the directory is synced before the
digest is given. Bytes that are there already are compared, and replaced by the fresh copy where
they differ: that repairs an object that has rotted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from reprobox.errors import FetchError, HashMismatch, StoreDamaged
from reprobox.kit import canon, files
from reprobox.kit.canon import Digest
from reprobox.kit.regex import regex
from reprobox.store import layout

TOUCH_AFTER = 6 * 3600.0
"""Seconds: an object that is found and older than this is touched, so that `gc`, which spares young
objects, leaves it.
"""
_SETTLED = 60.0
"""Seconds after which the name of an object is on the disk, even where the process that gave it was
killed before it synced the directory: file systems write names back after 5 to 30 seconds.
"""
_NAME = regex(r"[0-9a-f]{62}")
_SYNCED: dict[Path, int] = {}
"""Inodes of the objects that this process has stored durably."""


class _Target(io.RawIOBase):
    """A file whose write errors are the store's, so that errors of the stream that is read stay the
    stream's.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name

    def write(self, data: Any) -> int:
        with layout.trouble(f"writing {self._name}"):
            return self._file.write(data)


class ObjectStore:
    """The objects of one store (`reprobox.model.ports.Objects`); created on the first put."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._base = root / "objects" / "sha256"

    def has(self, digest: str) -> bool:
        """Whether the bytes are here.

        Raises:
            StoreError: when that is not known; unreadable is never "absent".
        """
        path = self._where(digest)
        with layout.trouble(f"looking for {digest}"):
            try:
                status = os.lstat(path)
                self._touch(path, status)
            except (FileNotFoundError, NotADirectoryError):
                return False
        return stat.S_ISREG(status.st_mode)

    def path(self, digest: str) -> Path:
        """The file that holds the bytes.

        Raises:
            FetchError: when the store does not have them.
        """
        if not self.has(digest):
            raise FetchError(
                f"the store does not have {digest}",
                why=f"Looked in {self.root}.",
                next_step="`reprobox lock` fetches what the lock names; `reprobox pull --from "
                "PLACE` gets it from another store",
            )
        return self._where(digest)

    def size(self, digest: str) -> int:
        """Size in bytes. Raises FetchError when absent."""
        return self.path(digest).stat().st_size

    def put_bytes(self, data: bytes) -> Digest:
        """Stores bytes."""
        layout.ensure(self.root)
        digest = canon.digest_bytes(data)
        if self._holds(digest, data):
            return digest
        return self.put_stream(io.BytesIO(data))[0]

    def _holds(self, digest: str, data: bytes) -> bool:
        """Whether these very bytes are here and durable: for so long, or stored by this process."""
        path = self._where(digest)
        with layout.trouble(f"looking for {digest}"):
            try:
                status = os.lstat(path)
                whole = stat.S_ISREG(status.st_mode) and status.st_size == len(data)
                settled = time.time() - status.st_ctime >= _SETTLED
                if not whole or not (settled or _SYNCED.get(path) == status.st_ino):
                    return False
                if same := path.read_bytes() == data:
                    # Last: `gc` may have removed it meanwhile.
                    self._touch(path, status)
            except (FileNotFoundError, PermissionError):
                return False
        return same

    def put_stream(self, stream: IO[bytes], *, expect: str | None = None) -> tuple[Digest, int]:
        """Stores a stream, hashing while writing; gives digest and size.

        Raises:
            HashMismatch: the bytes are not `expect`; nothing is stored.
            StoreError: writing failed; nothing is stored.
        """
        layout.ensure(self.root)
        with self._temporary() as (temp, file):
            target: Any = _Target(file, "an object")
            digest, size = canon.copy_hashing(stream, target)
            _check(digest, expect)
            with layout.trouble("writing an object"):
                file.flush()
                os.fchmod(file.fileno(), 0o444)
                os.fsync(file.fileno())
                self._publish(temp, digest)
                _SYNCED[self._where(digest)] = os.fstat(file.fileno()).st_ino
        return digest, size

    def put_file(
        self,
        path: Path,
        *,
        expect: str | None = None,
        move: bool = False,
        hashed: Digest | None = None,
    ) -> Digest:
        """Stores a file's bytes; with `move` the file itself where that is possible (same file
        system, no other name, ours).

        Args:
            hashed: the digest of its bytes, where the caller hashed them as it wrote them.
        """
        layout.ensure(self.root)
        with layout.trouble(f"storing {path}"):
            if move and self._movable(path):
                try:
                    return self._adopt(path, expect, hashed)
                except OSError as fault:
                    # Two mounts of one device: rename(2) refuses what the device numbers allow.
                    if fault.errno != errno.EXDEV:
                        raise
            with path.open("rb") as source:
                digest, _ = self.put_stream(source, expect=expect)
            if move:
                path.unlink()
        return digest

    def partial(self, digest: str) -> Path:
        """Where an unfinished download of these bytes waits to be resumed; `gc` removes it when it
        is old.
        """
        layout.ensure(self.root)
        return self.root / "tmp" / f"partial-{canon.hex_of(digest)}"

    @contextlib.contextmanager
    def claimed(self, digest: str) -> Iterator[Path]:
        """The file of `partial`, made if need be, for this process alone: of two that want the same
        bytes, one waits for the other.

        After waiting, the file may be empty, because the other has stored the bytes.
        """
        path = self.partial(digest)
        with layout.trouble(f"locking {path}"):
            fd = _locked_file(path)
        try:
            yield path
        finally:
            os.close(fd)

    def verify(self, digest: str) -> bool:
        """Reads the bytes again; False when they are absent or differ."""
        with layout.trouble(f"reading {digest}"):
            try:
                return canon.digest_file(self._where(digest)) == digest
            except FileNotFoundError:
                return False

    def memo(self, key: str) -> Any | None:
        """A derived fact kept next to the bytes; None when unknown or damaged."""
        with layout.trouble("reading a derived fact"):
            try:
                data = self._memo_path(key).read_bytes()
            except FileNotFoundError:
                return None
        try:
            found = canon.parse(data)
        except ValueError:
            return None
        if (
            not isinstance(found, dict)
            or found.get("key") != key
            or found.get("check") != _check_of(key, found.get("value"))
        ):
            return None
        return found["value"]

    def remember(self, key: str, value: Any) -> None:
        """Keeps a derived fact (JSON). Not synced: a fact that a power cut damages is unknown
        again.
        """
        layout.ensure(self.root)
        path = self._memo_path(key)
        temp = files.temp_beside(self.root / "tmp")
        with layout.trouble("keeping a derived fact"):
            try:
                temp.write_bytes(
                    canon.canonical({"key": key, "value": value, "check": _check_of(key, value)})
                )
                os.replace(temp, path)
            finally:
                temp.unlink(missing_ok=True)

    def iterate(self) -> Iterator[Digest]:
        """Every object's digest, in order of the first byte."""
        with layout.trouble("listing the objects"):
            for folder in _entries(self._base):
                for name in _entries(f"{self._base}/{folder}"):
                    if _NAME.fullmatch(name) and len(folder) == 2:
                        yield Digest(f"sha256:{folder}{name}")

    def remove(self, digest: str) -> None:
        """Forgets the bytes; absent is fine. `store/garbage.py` decides what may go."""
        with layout.trouble(f"removing {digest}"):
            self._where(digest).unlink(missing_ok=True)

    def _where(self, digest: str) -> Path:
        if not canon.is_digest(digest):
            raise StoreDamaged(
                f"not a sha256 digest: {digest!r:.100}",
                why="A document that was read names these bytes so.",
                next_step="reprobox fsck",
            )
        hexadecimal = canon.hex_of(digest)
        return self._base / hexadecimal[:2] / hexadecimal[2:]

    def memo_name(self, key: str) -> str:
        """The file in `memo/` that has a derived fact."""
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest() + ".json"

    def _memo_path(self, key: str) -> Path:
        return self.root / "memo" / self.memo_name(key)

    def _touch(self, path: Path, status: os.stat_result) -> None:
        """Refreshes the time of an object that is about to be used; a store that we may only read
        has no `gc` of ours.
        """
        if time.time() - status.st_mtime < TOUCH_AFTER or not os.access(path.parent, os.W_OK):
            return
        with layout.store_lock(self.root, shared=True):
            os.utime(path)

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[tuple[Path, IO[bytes]]]:
        """A file in `tmp/`, locked while it is written, so that `gc` can recognise a dead one."""
        temp = files.temp_beside(self.root / "tmp")
        with layout.trouble("writing to the store"):
            fd = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        file = os.fdopen(fd, "wb")
        try:
            with layout.trouble("writing to the store"):
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield temp, file
        finally:
            with layout.trouble("writing to the store"):
                try:
                    temp.unlink(missing_ok=True)
                finally:
                    # What could not be written is tried once more here, and fails once more on a
                    # full disk.
                    file.close()

    def _publish(self, temp: Path, digest: str) -> None:
        final = self._where(digest)
        files.make_dir(final.parent)
        with layout.store_lock(self.root, shared=True):
            os.replace(temp, final)
            files.fsync_dir(final.parent)

    def _movable(self, path: Path) -> bool:
        status = os.lstat(path)
        ours = status.st_uid == os.geteuid() and status.st_nlink == 1
        return (
            stat.S_ISREG(status.st_mode)
            and ours
            and status.st_dev == os.lstat(self.root / "tmp").st_dev
        )

    def _adopt(self, path: Path, expect: str | None, hashed: Digest | None) -> Digest:
        with path.open("rb") as file:
            digest = hashed or Digest("sha256:" + hashlib.file_digest(file, "sha256").hexdigest())
            _check(digest, expect)
            # The age of an object counts from when it was stored: `gc` spares the young.
            os.utime(file.fileno())
            os.fsync(file.fileno())
            # Only now, because a process that continues a file that a kill left in `tmp/` has to
            # write to it.
            os.fchmod(file.fileno(), 0o444)
            self._publish(path, digest)
        return digest


def _locked_file(path: Path) -> int:
    """A descriptor that holds the lock of the file that has this name now; another may have moved
    away the one that we opened.
    """
    while True:
        fd = _open_begun(path)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _open_begun(path: Path) -> int:
    with contextlib.suppress(PermissionError, FileNotFoundError):
        # A kill may have come after it was made read-only, and before it was moved to the objects.
        if not os.stat(path).st_mode & stat.S_IWUSR:
            path.chmod(0o600)
    return files.open_shared(path)


def _entries(folder: Path | str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _check(digest: str, expect: str | None) -> None:
    if expect is not None and digest != expect:
        raise HashMismatch(
            "the bytes are not the ones that were asked for",
            why=f"expected {expect}\nfound    {digest}",
            next_step="fetch them again; if it stays, the source has changed or is not to be "
            "trusted",
        )


def _check_of(key: str, value: Any) -> str:
    return canon.digest_of([key, value])
