"""A directory behind SSH as a place for runs (`reprobox[ssh]`); the other side needs an SFTP server
and nothing else.

Why paramiko and not fsspec's SFTP: that one accepts any host key. Here a host that is not in
known_hosts is refused; keys, agent, user, port, ProxyCommand and ProxyJump come from the user's own
SSH configuration.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import posixpath
import secrets
import stat
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reprobox.errors import StoreError, UsageError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import shown
from reprobox.store.remotes.base import CHUNK, DEAD_AFTER, UNFINISHED, gone, not_a_file
from reprobox.store.remotes.kinds import example_of
from reprobox.store.transfer.copy import Readable

_AHEAD = 16 << 20
"""Bytes that are asked for ahead, and may be in memory: at 50 ms from here to there and back, 320
MB/s.
"""
_REQUEST, _OPENSSH_REQUEST = 32 << 10, 255 << 10
"""Bytes that one request of a write carries."""
_TIMEOUT = 30.0
"""Seconds without an answer after which the other side counts as gone."""
_FEW = 8
"""Names in one folder that are asked for one by one; more are listed at once."""
_JUMPS = 8
"""Hosts on the way to a host; more are taken for a circle in the configuration."""
_TRY_AGAIN = "try again; what has been sent is kept"


@dataclass(frozen=True)
class _Host:
    """A host as the user or a configuration names it."""

    name: str
    user: str | None
    port: int | None


class Sftp:
    """`ssh://user@host:port/path`; `/~/path` is relative to the home directory there."""

    def __init__(self, url: str) -> None:
        self.url = url
        host, self._top = _address(url)
        try:
            import paramiko  # noqa: F401 - whether it is installed
        except ImportError as fault:
            raise UsageError(
                "an ssh address needs paramiko", next_step="pip install 'reprobox[ssh]'"
            ) from fault
        # Its threads write tracebacks to stderr where no logging is set up; what failed is
        # raised as well.
        logging.getLogger("paramiko").addHandler(logging.NullHandler())
        self._made: set[str] = set()
        with contextlib.ExitStack() as stack, self._trouble("connecting to"):
            client = _connected(host, stack, 0)
            self._sftp: Any = stack.enter_context(contextlib.closing(client.open_sftp()))
            self._sftp.sock.settimeout(_TIMEOUT)
            # What every server takes (draft-ietf-secsh-filexfer-02, 3), or OpenSSH's
            # `limits@openssh.com` (PROTOCOL, 4.8).
            theirs = client.get_transport().remote_version
            self._request = _OPENSSH_REQUEST if "OpenSSH" in theirs else _REQUEST
            self._stack = stack.pop_all()

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
            raise StoreError(
                f"{doing} {self.url} failed",
                why=str(fault) or type(fault).__name__,
                next_step=_advice(fault),
            ) from fault

    def _path(self, name: str) -> str:
        return posixpath.join(self._top, name)

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
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
                if stat.S_ISREG(item.st_mode)
            }
            return {name: there[name] for name in names if name in there}
        return {}

    def _asked(self, names: Sequence[str]) -> dict[str, int]:
        found = {}
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                status = self._sftp.stat(self._path(name))
                if stat.S_ISREG(status.st_mode):
                    found[name] = int(status.st_size)
        return found

    def names(self, folder: str, prefix: str = "") -> list[str]:
        with self._trouble("listing"):
            try:
                found = self._sftp.listdir(self._path(folder))
            except FileNotFoundError:
                return []
        return sorted(name for name in found if name.startswith(prefix))

    @contextlib.contextmanager
    def read(self, name: str, offset: int = 0, *, most: int) -> Iterator[Readable]:
        """What is wanted is asked for ahead, and nothing behind it, whatever size the other side
        reports.
        """
        try:
            with self._trouble("reading"):
                # Before it is opened: the other side would wait for a FIFO's writer.
                status = self._sftp.stat(self._path(name))
                if not stat.S_ISREG(status.st_mode):
                    raise not_a_file(self.url, name)
                file = self._sftp.open(self._path(name), "rb")
                file.seek(offset)
                end = min(int(status.st_size), offset + most)
        except FileNotFoundError as fault:
            raise gone(self.url, name) from fault
        try:
            yield _File(file, self, offset, end)
        finally:
            with contextlib.suppress(OSError, EOFError):
                file.close()

    def write(self, name: str, stream: Readable) -> None:
        """Under a temporary name, whose size is checked; then a rename."""
        with self._temporary(name, stream) as (temp, path):
            self._sftp.posix_rename(temp, path)

    def create(self, name: str, data: bytes) -> bool:
        with self._temporary(name, io.BytesIO(data)) as (temp, path):
            try:
                # Without the extension, a rename refuses a name that is taken
                # (draft-ietf-secsh-filexfer-02, 6.5; OpenSSH links and unlinks).
                self._sftp.rename(temp, path)
            except OSError as fault:
                if fault.errno not in (None, errno.EEXIST):
                    raise
                self._sftp.remove(temp)
                return False
        return True

    @contextlib.contextmanager
    def _temporary(self, name: str, stream: Readable) -> Iterator[tuple[str, str]]:
        """Writes a stream to a fresh name; gives it and the path of `name`, whose folder is
        made.
        """
        path = self._path(name)
        temp = self._path(f"{UNFINISHED}/.tmp-{secrets.token_hex(8)}")
        try:
            with self._trouble("writing to"):
                self._make(posixpath.dirname(path))
                self._make(posixpath.dirname(temp))
                try:
                    written = self._pour(stream, temp)
                    if self._sftp.stat(temp).st_size != written:
                        raise OSError(
                            "the other side has fewer bytes than were sent; its disk may be full"
                        )
                    yield temp, path
                except BaseException:
                    # What went wrong first is what the user has to know.
                    with contextlib.suppress(Exception):
                        self._sftp.remove(temp)
                    raise
        except FileNotFoundError as fault:
            raise StoreError(
                f"writing to {self.url} failed",
                why=f"{self._top} is not there, and cannot be made.",
                next_step="make the directory there, or name one that you may write to",
            ) from fault

    def _pour(self, stream: Readable, temp: str) -> int:
        size = 0
        with self._sftp.open(temp, "wbx") as file:
            file.set_pipelined(True)
            file.MAX_REQUEST_SIZE = self._request
            while chunk := stream.read(CHUNK):
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
        with contextlib.suppress(OSError, EOFError):
            self._stack.close()


class _File:
    """Asks ahead for a window at a time; a file that breaks off is the place's failure.

    All that was asked for is in memory once anything else is asked on the connection, be it that
    the file is closed early. So it is never a whole file: of what `prefetch` itself could limit,
    the thread continues when the file is closed.
    """

    def __init__(self, file: Any, place: Sftp, start: int, end: int) -> None:
        self._file, self._place = file, place
        self._at = self._asked = start
        self._end = end

    def read(self, size: int = -1, /) -> bytes:
        with self._place._trouble("reading"):
            if self._at >= self._asked < self._end:
                self._asked = min(self._end, self._at + _AHEAD)
                self._file.prefetch(self._asked)
            want = size if size >= 0 else CHUNK
            # Not beyond the window, where the next one begins; behind the last one, a reader waits
            # for each piece.
            data: bytes = self._file.read(
                min(want, self._asked - self._at) if self._at < self._asked else want
            )
            self._at += len(data)
            return data


def _address(url: str) -> tuple[_Host, str]:
    """Host and path of an address. Raises UsageError for one that cannot be."""
    example = example_of(__name__)
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as fault:
        raise UsageError(
            f"{shown(url)} names an impossible port",
            why="A port is a number from 1 to 65535.",
            next_step=f"write {example.replace('/path', ':22/path')}",
        ) from fault
    if not parts.hostname or port == 0:
        raise UsageError(f"{shown(url)} names no host", next_step=f"write {example}")
    user = unquote(parts.username) if parts.username else None
    path = unquote(parts.path)
    return _Host(parts.hostname, user, port), path.removeprefix("/~/") or "."


def _advice(fault: Exception) -> str:
    """What to do about a connection or a file that failed."""
    import paramiko

    if isinstance(fault, paramiko.AuthenticationException):
        return (
            "add your key to the agent (ssh-add), or name it as IdentityFile in ~/.ssh/config; "
            "`ssh -v HOST` shows what the host accepts"
        )
    if "known_hosts" in str(fault):
        return "add it to known_hosts: connect once with ssh"
    if isinstance(fault, PermissionError):
        return "check owner and mode of the directory there"
    if isinstance(fault, (ConnectionError, TimeoutError)) or "connect" in str(fault):
        return "check host name and port, and that `ssh HOST` connects"
    return _TRY_AGAIN


def _connected(host: _Host, stack: contextlib.ExitStack, jumps: int, via: Any = None) -> Any:
    """A client that is connected to a host: through another client, or else as the user's
    configuration says. The stack closes it, and with it the connections on the way.
    """
    import paramiko

    if jumps > _JUMPS:
        raise StoreError(
            f"more than {_JUMPS} hosts are on the way to {host.name}",
            next_step="look for a circle of ProxyJump in ~/.ssh/config",
        )
    client = stack.enter_context(contextlib.closing(paramiko.SSHClient()))
    settings = _settings(host.name)
    target = settings["hostname"], host.port or int(settings.get("port", 22))
    client.load_system_host_keys()
    for known in settings.get("userknownhostsfile", "").split():
        if os.path.exists(os.path.expanduser(known)):
            client.load_host_keys(os.path.expanduser(known))
    keys: Any = [os.path.expanduser(name) for name in settings.get("identityfile", ())]
    client.connect(
        hostname=target[0],
        port=target[1],
        username=host.user or settings.get("user"),
        key_filename=keys or None,
        sock=_channel(via, target) if via else _way(settings, target, stack, jumps),
        timeout=_TIMEOUT,
        banner_timeout=_TIMEOUT,
        transport_factory=_transport,
    )
    return client


def _transport(sock: Any, **options: Any) -> Any:
    """A connection that asks for AES-GCM first, which encrypts and signs a packet in one call; the
    client's own first choice takes twice the processor time.
    """
    import paramiko

    made = paramiko.Transport(sock, **options)
    chosen = made.get_security_options()
    chosen.ciphers = sorted(chosen.ciphers, key=lambda name: "-gcm@" not in name)
    return made


def _way(
    settings: Mapping[str, str], target: tuple[str, int], stack: contextlib.ExitStack, jumps: int
) -> Any:
    """What carries the connection: a ProxyJump, a ProxyCommand, or None for a plain socket."""
    import paramiko

    jump = settings.get("proxyjump", "none")
    if jump.strip().lower() != "none":
        via = None
        for name in jump.split(","):
            # `a,b` visits a first (ssh_config(5), ProxyJump).
            via = _connected(_jump_host(name.strip()), stack, jumps + 1, via)
        return _channel(via, target)
    command = settings.get("proxycommand", "none")
    return None if command.strip().lower() == "none" else paramiko.ProxyCommand(command)


def _channel(via: Any, target: tuple[str, int]) -> Any:
    """A connection to a target that another host makes (RFC 4254, 7.2)."""
    return via.get_transport().open_channel(
        "direct-tcpip", target, ("127.0.0.1", 0), timeout=_TIMEOUT
    )


def _jump_host(text: str) -> _Host:
    """`user@host:port`, or `ssh://user@host:port` (ssh_config(5), ProxyJump)."""
    return _address(text if "://" in text else f"ssh://{text}")[0]


def _settings(host: str) -> Any:
    """What the user's configuration says of a host."""
    import paramiko

    place = Path.home() / ".ssh" / "config"
    config = paramiko.SSHConfig.from_path(str(place)) if place.is_file() else paramiko.SSHConfig()
    return config.lookup(host)
