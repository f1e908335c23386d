"""Bytes by hash from http(s) and file URLs: in parallel, resumed where they were cut, hashed while
they are written.

requests, because proxies, certificates, netrc and redirects then behave as users have set them up.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests

from reprobox.errors import FetchError, HashMismatch, ReproboxError
from reprobox.kit import files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock.pip_settings import Settings, origin
from reprobox.model.ports import Bar, Objects, Progress

_PARALLEL = 8
_CHUNK = 1 << 15
"""Bytes at a time, few, since a connection that is cut loses the piece that was coming."""
_TIMEOUT = (20.0, 120.0)
"""Seconds to connect, and between two pieces."""
_TRANSIENT = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
_RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, kw_only=True)
class Item:
    """Bytes that are wanted."""

    label: str
    """What people call it."""
    digest: str
    urls: tuple[str, ...]
    """Tried in this order."""
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Transport:
    """How to reach servers."""

    credentials: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    trusted_hosts: frozenset[str] = frozenset()
    verify: str | None = None
    """A file of certificates; None: as requests finds them (REQUESTS_CA_BUNDLE)."""
    client_cert: str | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 5
    """Tries in a row that bring nothing new before giving up."""
    pause: float = 0.3
    """Seconds before the second try; doubled for each further one."""

    @classmethod
    def of(cls, settings: Settings) -> Transport:
        """As pip and uv would."""
        proxy = settings.values.get("proxy")
        return cls(
            credentials=settings.credentials,
            trusted_hosts=settings.trusted_hosts,
            verify=settings.values.get("cert") or settings.environment.get("SSL_CERT_FILE"),
            client_cert=settings.values.get("client-cert"),
            proxies={"http": proxy, "https": proxy} if proxy else {},
        )


def fetch(
    items: Sequence[Item], *, objects: Objects, transport: Transport, progress: Progress, what: str
) -> None:
    """Brings everything into the store.

    Raises:
        HashMismatch: a server gave other bytes, and no address the right ones.
        FetchError: something could not be had; `why` names each.
    """
    wanted = [
        item
        for item in {item.digest: item for item in items}.values()
        if not objects.has(item.digest)
    ]
    if not wanted:
        return
    sizes = [item.size for item in wanted]
    total = sum(size for size in sizes if size is not None) if None not in sizes else None
    stop, done = threading.Event(), itertools.count(1)
    with progress.task(what, total) as bar, ThreadPoolExecutor(_PARALLEL) as pool:

        def fetched(item: Item) -> ReproboxError | None:
            failure = _Download(item, objects, transport, bar, stop).run()
            if failure is None:
                bar.update(0, f"{next(done)} of {len(wanted)}")
            return failure

        try:
            failures = list(pool.map(fetched, wanted))
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    _raise(
        [
            (item, failure)
            for item, failure in zip(wanted, failures, strict=True)
            if failure is not None
        ]
    )


def _raise(failed: list[tuple[Item, ReproboxError]]) -> None:
    if not failed:
        return
    why = "\n".join(
        f"{item.label}: {error.what}" + (f" ({error.why})" if error.why else "")
        for item, error in failed
    )
    wrong = [error for _, error in failed if isinstance(error, HashMismatch)]
    if wrong:
        raise HashMismatch(
            "what was fetched is not what the lock names",
            why=why,
            next_step="find out who changed the file; `reprobox lock --upgrade` accepts it",
        )
    raise FetchError(
        f"{len(failed)} file(s) could not be fetched",
        why=why,
        next_step="check network and index settings, and try again",
    )


def once(url: str, target: Path, transport: Transport) -> None:
    """Fetches a file whose digest is not known.

    Raises:
        FetchError: it could not be had.
    """
    if urlsplit(url).scheme == "file":
        try:
            target.write_bytes(Path(url2pathname(urlsplit(url).path)).read_bytes())
        except OSError as error:
            raise FetchError("a file is gone", why=str(error)) from error
        return
    for attempt in range(transport.attempts):
        try:
            _once(url, target, transport)
        except (_Cut, *_TRANSIENT) as error:
            if attempt + 1 == transport.attempts:
                raise FetchError("the connection fails", why=f"{_bare(url)}: {error}") from error
            time.sleep(transport.pause * 2.0**attempt)
        else:
            return


def _once(url: str, target: Path, transport: Transport) -> None:
    with requests.Session() as session, target.open("wb") as file:
        session.proxies.update(transport.proxies)
        options = options_of(url, transport)
        with session.get(url, stream=True, timeout=_TIMEOUT, **options) as response:
            _check(response, url)
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)


class _Cut(Exception):
    """The connection ended early; whatever came is kept."""


class _Download:
    """One item. What was written stays in the partial file, so a later try continues from there."""

    def __init__(
        self, item: Item, objects: Objects, transport: Transport, bar: Bar, stop: threading.Event
    ) -> None:
        self.item, self.objects, self.transport, self.bar, self.stop = (
            item,
            objects,
            transport,
            bar,
            stop,
        )
        self.session = requests.Session()
        self.session.proxies.update(transport.proxies)

    def run(self) -> ReproboxError | None:
        """Tries each address; the most telling failure, or None."""
        failures: list[ReproboxError] = []
        for url in self.item.urls:
            try:
                with self.session:
                    self._from(url)
            except (FetchError, HashMismatch) as error:
                failures.append(error)
            except OSError as error:
                failures.append(FetchError("it could not be written", why=str(error)))
            else:
                return None
        wrong = [error for error in failures if isinstance(error, HashMismatch)]
        return [*wrong, *failures, FetchError("no index has it")][0]

    def _from(self, url: str) -> None:
        if urlsplit(url).scheme == "file":
            path = Path(url2pathname(urlsplit(url).path))
            if not path.is_file():
                raise FetchError("the file is gone", why=str(path))
            self.objects.put_file(path, expect=self.item.digest)
            self.bar.update(path.stat().st_size)
            return
        partial = self.objects.partial(self.item.digest)
        with files.locked(partial):
            if not self.objects.has(
                self.item.digest
            ):  # another process had the lock before and finished
                self._into(url, partial)

    def _into(self, url: str, partial: Path) -> None:
        resumed = partial.stat().st_size > 0
        found = self._complete(url, partial)
        if found != self.item.digest and resumed:
            partial.write_bytes(b"")
            found = self._complete(url, partial)
        if found != self.item.digest:
            partial.write_bytes(b"")
            raise HashMismatch(
                "the server's bytes have another digest",
                why=f"expected {self.item.digest}, got {found}",
            )
        self.objects.put_file(partial, expect=self.item.digest, move=True)

    def _complete(self, url: str, partial: Path) -> str:
        """Continues until the server says that this is all; the digest of all that is there."""
        failed = 0
        while True:
            before = partial.stat().st_size
            try:
                return self._once(url, partial)
            except _Cut as cut:
                failed = 0 if partial.stat().st_size > before else failed + 1
                if failed >= self.transport.attempts or self.stop.is_set():
                    raise FetchError("the connection fails", why=f"{_bare(url)}: {cut}") from cut
                time.sleep(min(self.transport.pause * 2.0**failed, 10.0))

    def _once(self, url: str, partial: Path) -> str:
        with partial.open("r+b") as file:
            hasher = hashlib.file_digest(file, "sha256")
            with self._get(url, file.tell()) as response:
                if response.status_code != requests.codes.partial_content and file.tell():
                    self.bar.update(-file.tell())
                    file.truncate(0)
                    file.seek(0)
                    hasher = hashlib.sha256()
                for chunk in self._chunks(response):
                    hasher.update(chunk)
                    file.write(chunk)
                    self.bar.update(len(chunk))
        return f"sha256:{hasher.hexdigest()}"

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        try:
            for chunk in response.iter_content(_CHUNK):
                if self.stop.is_set():
                    raise _Cut("stopped")
                yield chunk
        except _TRANSIENT as error:
            raise _Cut(type(error).__name__) from error

    def _get(self, url: str, offset: int) -> requests.Response:
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        try:
            response = self.session.get(
                url, headers=headers, stream=True, timeout=_TIMEOUT, **self._options(url)
            )
        except _TRANSIENT as error:
            raise _Cut(type(error).__name__) from error
        if offset and response.status_code == requests.codes.requested_range_not_satisfiable:
            response.close()
            return self._get(url, 0)
        _check(response, url)
        return response

    def _options(self, url: str) -> dict[str, Any]:
        return options_of(url, self.transport)


def options_of(url: str, transport: Transport) -> dict[str, Any]:
    """The options of requests for an address."""
    parts = urlsplit(url)
    options: dict[str, Any] = {}
    if credentials := transport.credentials.get(origin(url)):
        options["auth"] = credentials
    if transport.verify:
        options["verify"] = transport.verify
    if {parts.hostname, f"{parts.hostname}:{parts.port}"} & transport.trusted_hosts:
        options["verify"] = False
    if transport.client_cert:
        options["cert"] = transport.client_cert
    return options


def _check(response: requests.Response, url: str) -> None:
    if response.ok:
        return
    response.close()
    if response.status_code in _RETRY_STATUS:
        raise _Cut(f"status {response.status_code}")
    raise FetchError(f"the server says {response.status_code} {response.reason}", why=_bare(url))


def _bare(url: str) -> str:
    """Without credentials and query, which may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
