"""A directory behind SSH as a place for runs (`reprobox[ssh]`); the other side needs an SFTP server
and nothing else.

Why paramiko and not fsspec's SFTP: that one accepts any host key. Here a host that is not in
known_hosts is refused; keys, agent, user, port and proxy come from the user's own SSH
configuration.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reprobox.errors import StoreError, UsageError
from reprobox.store.remotes.remote import DEAD_AFTER, UNFINISHED, gone
from reprobox.store.transfer.copy import Readable

_CHUNK = 1 << 20
_AHEAD = 16 << 20
"""Bytes that are asked for ahead, and may be in memory: at 50 ms from here to there and back, 320
MB/s.
"""
_TIMEOUT = 30.0
"""Seconds without an answer after which the other side counts as gone."""
_FEW = 8
"""Names in one folder that are asked for one by one; more are listed at once."""


class Sftp:
    """`ssh://user@host:port/path`; `/~/path` is relative to the home directory there."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        if not parts.hostname:
            raise UsageError(f"{url} names no host", next_step="write ssh://user@host/path")
        self._top = unquote(parts.path).removeprefix("/~/") or "."
        try:
            import paramiko
        except ImportError as fault:
            raise UsageError(
                "ssh:// needs paramiko", next_step="pip install 'reprobox[ssh]'"
            ) from fault
        self._stack = contextlib.ExitStack()
        with self._trouble("connecting to"):
            client = self._stack.enter_context(contextlib.closing(paramiko.SSHClient()))
            client.connect(**_how(client, parts.hostname, parts.username, parts.port))
            self._sftp: Any = self._stack.enter_context(contextlib.closing(client.open_sftp()))
            self._sftp.sock.settimeout(_TIMEOUT)
        self._made: set[str] = set()

    @contextlib.contextmanager
    def _trouble(self, doing: str) -> Iterator[None]:
        import paramiko

        try:
            yield
        except FileNotFoundError:
            raise
        except paramiko.BadHostKeyException as fault:
            raise StoreError(
                f"the host key of {self.url} has changed",
                why=str(fault),
                next_step="find out why before you trust it",
            ) from fault
        except (paramiko.SSHException, EOFError, OSError) as fault:
            why = str(fault) or type(fault).__name__
            advice = (
                "add it to known_hosts: connect once with ssh"
                if "known_hosts" in why
                else "try again; what has been sent is kept"
            )
            raise StoreError(f"{doing} {self.url} failed", why=why, next_step=advice) from fault

    def _path(self, name: str) -> str:
        return posixpath.join(self._top, name)

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """As Place."""
        groups: dict[str, list[str]] = defaultdict(list)
        for name in names:
            groups[posixpath.dirname(name)].append(name)
        found: dict[str, int] = {}
        with self._trouble("looking into"):
            for folder, inside in groups.items():
                found |= self._listed(folder, inside) if len(inside) > _FEW else self._asked(inside)
        return found

    def _listed(self, folder: str, names: Sequence[str]) -> dict[str, int]:
        with contextlib.suppress(FileNotFoundError):
            there = {
                f"{folder}/{item.filename}": int(item.st_size)
                for item in self._sftp.listdir_attr(self._path(folder))
            }
            return {name: there[name] for name in names if name in there}
        return {}

    def _asked(self, names: Sequence[str]) -> dict[str, int]:
        found = {}
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                found[name] = int(self._sftp.stat(self._path(name)).st_size)
        return found

    def names(self, folder: str) -> list[str]:
        """As Place."""
        with self._trouble("listing"):
            try:
                return sorted(self._sftp.listdir(self._path(folder)))
            except FileNotFoundError:
                return []

    @contextlib.contextmanager
    def read(self, name: str, offset: int = 0, *, most: int) -> Iterator[Readable]:
        """As Place; what is wanted is asked for ahead, and nothing behind it, whatever size the
        other side says.
        """
        try:
            with self._trouble("reading"):
                file = self._sftp.open(self._path(name), "rb")
                file.seek(offset)
                end = min(int(file.stat().st_size), offset + most)
        except FileNotFoundError as fault:
            raise gone(self.url, name) from fault
        try:
            yield _File(file, self, offset, end)
        finally:
            with contextlib.suppress(OSError, EOFError):
                file.close()

    def write(self, name: str, stream: Readable) -> None:
        """As Place: a temporary name, whose size is asked for, and a rename."""
        path = self._path(name)
        temp = self._path(f"{UNFINISHED}/.tmp-{secrets.token_hex(8)}")
        with self._trouble("writing to"):
            self._make(posixpath.dirname(path))
            self._make(posixpath.dirname(temp))
            try:
                written = self._pour(stream, temp)
                if self._sftp.stat(temp).st_size != written:
                    raise OSError(
                        "the other side has fewer bytes than were sent; its disk may be full"
                    )
                self._sftp.posix_rename(temp, path)
            except BaseException:
                # What went wrong first is what the user has to know.
                with contextlib.suppress(Exception):
                    self._sftp.remove(temp)
                raise

    def _pour(self, stream: Readable, temp: str) -> int:
        size = 0
        with self._sftp.open(temp, "wbx") as file:
            file.set_pipelined(True)
            while chunk := stream.read(_CHUNK):
                file.write(chunk)
                size += len(chunk)
        return size

    def _make(self, folder: str) -> None:
        if folder in self._made or folder in ("", "/", "."):
            return
        try:
            self._sftp.stat(folder)
        except FileNotFoundError:
            self._make(posixpath.dirname(folder))
            with contextlib.suppress(OSError):
                self._sftp.mkdir(folder)
            self._sftp.stat(folder)
        self._made.add(folder)

    def clear(self) -> None:
        """As Place."""
        folder = self._path(UNFINISHED)
        with self._trouble("clearing"):
            try:
                found = self._sftp.listdir_attr(folder)
            except FileNotFoundError:
                return
            for entry in found:
                if time.time() - float(entry.st_mtime) > DEAD_AFTER:
                    with contextlib.suppress(FileNotFoundError):
                        self._sftp.remove(posixpath.join(folder, entry.filename))

    def close(self) -> None:
        """Ends the connection."""
        with contextlib.suppress(OSError, EOFError):
            self._stack.close()


class _File:
    """Asks ahead for a window at a time; a file that breaks off is told as the place's failure.

    All that was asked for is in memory once anything else is asked on the connection, be it that
    the file is closed early. So it is never a whole file: of what `prefetch` itself could limit,
    the thread goes on when the file is closed.
    """

    def __init__(self, file: Any, place: Sftp, start: int, end: int) -> None:
        self._file, self._place = file, place
        self._at = self._asked = start
        self._end = end

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer."""
        with self._place._trouble("reading"):
            if self._at >= self._asked < self._end:
                self._asked = min(self._end, self._at + _AHEAD)
                self._file.prefetch(self._asked)
            want = size if size >= 0 else _CHUNK
            # Not beyond the window, where the next one begins; behind the last one, whoever reads
            # on waits for each piece.
            data: bytes = self._file.read(
                min(want, self._asked - self._at) if self._at < self._asked else want
            )
            self._at += len(data)
            return data


def _how(client: Any, host: str, user: str | None, port: int | None) -> dict[str, Any]:
    """What to connect with, from the user's configuration; known hosts are loaded into the client."""
    import paramiko

    config = paramiko.SSHConfig()
    place = Path.home() / ".ssh" / "config"
    if place.is_file():
        config = paramiko.SSHConfig.from_path(str(place))
    said = config.lookup(host)
    client.load_system_host_keys()
    for known in said.get("userknownhostsfile", "").split():
        if os.path.exists(os.path.expanduser(known)):
            client.load_host_keys(os.path.expanduser(known))
    proxy = said.get("proxycommand")
    return {
        "hostname": said["hostname"],
        "port": port or int(said.get("port", 22)),
        "username": user or said.get("user"),
        "key_filename": [os.path.expanduser(name) for name in said.get("identityfile", ())] or None,
        "sock": paramiko.ProxyCommand(proxy) if proxy else None,
        "timeout": _TIMEOUT,
        "banner_timeout": _TIMEOUT,
    }
