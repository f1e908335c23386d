"""Places that fsspec knows: Google Cloud Storage, Azure, WebDAV. One class; what differs is a row.

Why fsspec here and not for S3 and SSH: it has no conditional writes, so every card is an addition
of its own (which loses nothing), and its SFTP accepts any host key.
"""

from __future__ import annotations

import contextlib
import netrc
import posixpath
import secrets
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from reprobox.errors import StoreError, UsageError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import shown
from reprobox.store.remotes.base import CHUNK, DEAD_AFTER, UNFINISHED, gone, not_a_file
from reprobox.store.transfer.copy import Readable

_FEW = 8
"""Names in one folder that are asked for one by one; more are listed at once."""
_IN_MEMORY = 8 << 20
"""Bytes of a blob above which it waits for its upload in a temporary file."""


@dataclass(frozen=True, kw_only=True)
class _Backend:
    """How fsspec reaches places of a scheme."""

    protocol: str
    package: str
    """What must be installed: an extra of reprobox of the scheme's name installs it."""
    extra: str
    options: Callable[[str], dict[str, Any]] = lambda url: {}
    top: Callable[[str], str] = lambda url: _bucket_path(url)
    renames: bool = False
    """Whether a rename is one step there. Otherwise a file appears when its upload is whole."""


def _bucket_path(url: str) -> str:
    parts = urlsplit(url)
    if not parts.netloc:
        raise UsageError(f"{shown(url)} names no bucket", next_step="write SCHEME://bucket/prefix")
    return f"{parts.netloc}/{unquote(parts.path).strip('/')}".rstrip("/")


def _fresh(url: str) -> dict[str, Any]:
    """Listings are asked for anew each time: another push may have changed them."""
    return {"use_listings_cache": False}


def _webdav(url: str) -> dict[str, Any]:
    """The server's address; user and password from the address or from ~/.netrc."""
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError as fault:
        raise UsageError(
            f"{shown(url)} names an impossible port", next_step="write a number from 1 to 65535"
        ) from fault
    if not parts.hostname:
        raise UsageError(f"{shown(url)} names no host", next_step="write webdav://host/path")
    scheme = "https" if parts.scheme.endswith("s") else "http"
    auth = _credentials(parts.hostname, parts.username)
    return {"base_url": f"{scheme}://{parts.hostname}{port}", "auth": auth}


def _credentials(host: str, user: str | None) -> tuple[str, str] | None:
    try:
        found = netrc.netrc().authenticators(host)
    except (FileNotFoundError, netrc.NetrcParseError):
        found = None
    if found is None or (user is not None and found[0] != unquote(user)):
        return None
    return found[0], found[2] or ""


_BACKENDS: Mapping[str, _Backend] = {
    "gs": _Backend(protocol="gs", package="gcsfs", extra="gs", options=_fresh),
    "az": _Backend(protocol="az", package="adlfs", extra="az", options=_fresh),
    **dict.fromkeys(
        ("webdav", "webdavs"),
        _Backend(
            protocol="webdav",
            package="webdav4",
            extra="webdav",
            options=_webdav,
            top=lambda url: unquote(urlsplit(url).path).strip("/"),
            renames=True,
        ),
    ),
    "memory": _Backend(protocol="memory", package="fsspec", extra="webdav"),
}


class FsspecPlace:
    """`gs://bucket/prefix`, `az://container/prefix`, `webdavs://host/path`."""

    def __init__(self, url: str) -> None:
        self.url = url
        backend = _BACKENDS[urlsplit(url).scheme]
        self._top, self._renames = backend.top(url), backend.renames
        options = backend.options(url)
        try:
            import fsspec

            with self._trouble("opening"):
                self._fs: Any = fsspec.filesystem(
                    backend.protocol, skip_instance_cache=True, **options
                )
        except ImportError as fault:
            raise UsageError(
                f"{urlsplit(url).scheme}:// needs {backend.package}",
                next_step=f"pip install 'reprobox[{backend.extra}]'",
            ) from fault
        self._made: set[str] = set()

    @contextlib.contextmanager
    def _trouble(self, doing: str) -> Iterator[None]:
        """Every backend has exceptions of its own, without a class in common."""
        try:
            yield
        except (FileNotFoundError, ImportError, StoreError):
            raise
        except Exception as fault:
            raise StoreError(
                f"{doing} {self.url} failed",
                why=str(fault) or type(fault).__name__,
                next_step="check address and credentials, then try again; what has been sent is "
                "kept",
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
                if len(inside) <= _FEW:
                    found |= self._asked(inside)
                    continue
                there = {
                    posixpath.join(folder, _last(item)): int(item["size"])
                    for item in self._listed(folder)
                    if item["type"] == "file"
                }
                found |= {name: there[name] for name in inside if name in there}
        return found

    def _asked(self, names: Sequence[str]) -> dict[str, int]:
        found = {}
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                item = self._fs.info(self._path(name))
                if item["type"] == "file":
                    found[name] = int(item["size"])
        return found

    def _listed(self, folder: str) -> list[dict[str, Any]]:
        try:
            return list(self._fs.ls(self._path(folder), detail=True))
        except FileNotFoundError:
            return []

    def names(self, folder: str, prefix: str = "") -> list[str]:
        with self._trouble("listing"):
            found = {_last(item) for item in self._listed(folder)}
        return sorted(name for name in found if name.startswith(prefix))

    @contextlib.contextmanager
    def read(self, name: str, offset: int = 0, *, most: int) -> Iterator[Readable]:
        try:
            with self._trouble("reading"):
                if self._fs.info(self._path(name))["type"] != "file":
                    raise not_a_file(self.url, name)
                file = self._fs.open(self._path(name), "rb")
                file.seek(offset)
        except FileNotFoundError as fault:
            raise gone(self.url, name) from fault
        try:
            yield _File(file, self)
        finally:
            with contextlib.suppress(Exception):
                file.close()

    def write(self, name: str, stream: Readable) -> None:
        """A blob is whole here before anything is sent."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as held:
            size = 0
            while chunk := stream.read(CHUNK):
                held.write(chunk)
                size += len(chunk)
            held.seek(0)
            try:
                with self._trouble("writing to"):
                    self._send(name, held, size)
            except FileNotFoundError as fault:
                raise StoreError(
                    f"writing to {self.url} failed",
                    why=str(fault),
                    next_step="check that the bucket or directory is there",
                ) from fault

    def _send(self, name: str, held: IO[bytes], size: int) -> None:
        path = self._path(name)
        first = self._path(f"{UNFINISHED}/{secrets.token_hex(8)}") if self._renames else path
        for folder in {posixpath.dirname(path), posixpath.dirname(first)} - self._made:
            self._fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        with self._fs.open(first, "wb") as target:
            while chunk := held.read(CHUNK):
                target.write(chunk)
        if int(self._fs.info(first)["size"]) != size:
            raise OSError("the other side has fewer bytes than were sent")
        if self._renames:
            self._fs.mv(first, path)

    def create(self, name: str, data: bytes) -> bool:
        """Nothing that all of these places can promise."""
        return False

    def clear(self) -> None:
        with self._trouble("clearing"):
            for item in self._listed(UNFINISHED) if self._renames else ():
                moment = item.get("modified")
                if isinstance(moment, datetime) and time.time() - moment.timestamp() > DEAD_AFTER:
                    with contextlib.suppress(FileNotFoundError):
                        self._fs.rm_file(item["name"])

    def close(self) -> None:
        pass


class _File:
    """A file whose read errors are the place's."""

    def __init__(self, file: Any, place: FsspecPlace) -> None:
        self._file, self._place = file, place

    def read(self, size: int = -1, /) -> bytes:
        with self._place._trouble("reading"):
            data: bytes = self._file.read(size)
            return data


def _last(item: Mapping[str, Any]) -> str:
    return posixpath.basename(str(item["name"]).rstrip("/"))
