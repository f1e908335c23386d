"""A directory of this machine, or one that is mounted, as a place for runs."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from reprobox.errors import StoreError
from reprobox.kit import files
from reprobox.store import layout
from reprobox.store.remotes.base import CHUNK, DEAD_AFTER, UNFINISHED, gone, not_a_file
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Readable

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""Opening a FIFO would wait for a writer without O_NONBLOCK (open(2))."""


class Directory:
    """`/mnt/lab/runs` or `file:///mnt/lab/runs`."""

    def __init__(self, url: str | Path) -> None:
        self.top = Path(url).absolute()
        self.url = str(self.top)

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        found = {}
        with layout.trouble(f"looking into {self.url}"):
            for name in names:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    status = os.stat(self.top / name)
                    if stat.S_ISREG(status.st_mode):
                        found[name] = status.st_size
        return found

    def names(self, folder: str, prefix: str = "") -> list[str]:
        with layout.trouble(f"listing {self.url}"):
            try:
                found = os.listdir(self.top / folder)
            except (FileNotFoundError, NotADirectoryError):
                return []
        return sorted(name for name in found if name.startswith(prefix))

    @contextlib.contextmanager
    def read(self, name: str, offset: int = 0, *, most: int) -> Iterator[Readable]:
        with contextlib.ExitStack() as stack:
            try:
                with layout.trouble(f"reading {name} in {self.url}"):
                    fd = os.open(self.top / name, _READ)
                    stack.callback(os.close, fd)
                    regular = stat.S_ISREG(os.fstat(fd).st_mode)
            except FileNotFoundError as fault:
                raise gone(self.url, name) from fault
            if not regular:
                raise not_a_file(self.url, name)
            file = os.fdopen(fd, "rb", closefd=False)
            file.seek(offset)
            yield copy.Named(file, f"{name} in {self.url}")

    def write(self, name: str, stream: Readable) -> None:
        with self._temporary(name) as (temp, path):
            with temp.open("xb") as file:
                _pour(stream, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temp, path)
            files.fsync_dir(path.parent)

    def create(self, name: str, data: bytes) -> bool:
        with self._temporary(name) as (temp, path):
            files.write_synced(temp, data, 0o666)
            try:
                os.link(temp, path)
            except FileExistsError:
                return False
            except PermissionError:
                # A file system without hard links (FAT, some network mounts).
                return False
            files.fsync_dir(path.parent)
        return True

    @contextlib.contextmanager
    def _temporary(self, name: str) -> Iterator[tuple[Path, Path]]:
        """A fresh name for an unfinished file, and the path of `name`, whose directory is made."""
        path = self.top / name
        try:
            with layout.trouble(f"writing to {self.url}"):
                files.make_dir(path.parent)
                files.make_dir(self.top / UNFINISHED)
                temp = files.temp_beside(self.top / UNFINISHED)
                try:
                    yield temp, path
                finally:
                    temp.unlink(missing_ok=True)
        except (FileNotFoundError, FileExistsError) as fault:
            raise StoreError(
                f"writing to {self.url} failed",
                why=str(fault),
                next_step="name a directory that can be made, or one that is there",
            ) from fault

    def clear(self) -> None:
        """By age only: locks do not reach every machine that may have this directory mounted."""
        with (
            layout.trouble(f"clearing {self.url}"),
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
        ):
            for entry in os.scandir(self.top / UNFINISHED):
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > DEAD_AFTER:
                        os.unlink(entry)

    def close(self) -> None:
        pass


def _pour(stream: Readable, target: IO[bytes]) -> None:
    while chunk := stream.read(CHUNK):
        target.write(chunk)
