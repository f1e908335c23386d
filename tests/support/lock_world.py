"""What the lock's tests build: wheels, a package index on loopback that can ask for a password or
cut connections, tiny bases.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reprobox.model.lock import Lock
from reprobox.model.ports import Bar

Locker = Callable[..., Lock]

NOW = 1_800_000_000


class Talk:
    """Remembers what was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.bars: dict[str, int] = {}

    @contextlib.contextmanager
    def task(self, what: str, total: int | None = None) -> Iterator[Bar]:
        self.bars[what] = 0

        class Counter:
            def update(_, advance: int, note: str = "") -> None:  # noqa: N805
                self.bars[what] += advance

        yield Counter()

    def note(self, text: str) -> None:
        self.notes.append(text)


def wheel_bytes(
    name: str,
    version: str,
    requires: tuple[str, ...] = (),
    tag: str = "py3-none-any",
    filler: bytes = b"",
) -> bytes:
    info = f"{name}-{version}.dist-info"
    metadata = [
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        *(f"Requires-Dist: {line}" for line in requires),
    ]
    members = {
        f"{name}.py": f"VERSION = {version!r}\n".encode() + filler,
        f"{info}/METADATA": ("\n".join(metadata) + "\n").encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        + f"Tag: {tag}\n".encode(),
        f"{info}/RECORD": b"",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def sdist_bytes(name: str, version: str, requires: tuple[str, ...] = ()) -> bytes:
    """A source distribution with static metadata (PEP 643)."""
    lines = [f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}"]
    lines += [f"Requires-Dist: {line}" for line in requires]
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:gz") as archive:
        for path, text in (("PKG-INFO", "\n".join(lines) + "\n"), ("setup.py", "raise SystemExit")):
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return plain.getvalue()


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass
class Index:
    """A simple index (PEP 503) served on loopback."""

    files: dict[str, bytes] = field(default_factory=dict)
    claimed: dict[str, str] = field(default_factory=dict)
    """File name to the hash that the index says, where it is not the file's."""
    yanked: dict[str, str] = field(default_factory=dict)
    """File name to the reason (PEP 592)."""
    password: tuple[str, str] | None = None
    cut_after: int | None = None
    """Bytes after which each connection for a file ends early."""
    broken: list[int] = field(default_factory=list)
    """Statuses to answer first, for files."""
    status: int | None = None
    """What every page is answered with, instead of the page."""
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Range) of each request for a file."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/simple"

    @property
    def url_with_password(self) -> str:
        user, password = self.password or ("", "")
        return f"http://{user}:{password}@127.0.0.1:{self.port}/simple"

    def add(
        self,
        name: str,
        version: str,
        requires: tuple[str, ...] = (),
        tag: str = "py3-none-any",
        filler: bytes = b"",
    ) -> str:
        """Publishes a wheel; its digest."""
        data = wheel_bytes(name, version, requires, tag, filler)
        self.files[f"{name}-{version}-{tag}.whl"] = data
        return sha256(data)

    def _yanked(self, name: str) -> str:
        return f' data-yanked="{self.yanked[name]}"' if name in self.yanked else ""

    def page(self, project: str) -> bytes | None:
        names = [
            name for name in self.files if name.split("-")[0].replace("_", "-").lower() == project
        ]
        if not names:
            return None
        hashes = {
            name: self.claimed.get(name, sha256(self.files[name])).replace(":", "=")
            for name in names
        }
        return "".join(
            f'<a href="/files/{name}#{hashes[name]}"{self._yanked(name)}>{name}</a>\n'
            for name in names
        ).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: Index

    def log_message(self, *_: Any) -> None:
        return

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = [part for part in self.path.split("/") if part]
        if self.index.password and not self._allowed(self.index.password):
            self._answer(401, b"", {"WWW-Authenticate": 'Basic realm="test"'})
        elif len(parts) == 2 and parts[0] == "simple" and self.index.status:
            self._answer(self.index.status, b"{", {"Content-Type": "application/octet-stream"})
        elif len(parts) == 2 and parts[0] == "simple":
            page = self.index.page(parts[1])
            self._answer(200 if page else 404, page or b"", {"Content-Type": "text/html"})
        elif len(parts) == 2 and parts[0] == "files" and parts[1] in self.index.files:
            self._file(self.index.files[parts[1]])
        else:
            self._answer(404, b"", {})

    def _allowed(self, password: tuple[str, str]) -> bool:
        return (
            self.headers.get("Authorization")
            == "Basic " + base64.b64encode(":".join(password).encode()).decode()
        )

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _file(self, data: bytes) -> None:
        wanted = self.headers.get("Range")
        if self.command == "GET":
            self.index.asked.append((self.path, wanted))
            if self.index.broken:
                self._answer(self.index.broken.pop(0), b"", {})
                return
        start = (
            int(wanted.removeprefix("bytes=").split("-")[0]) if wanted and self.index.ranges else 0
        )
        if wanted and self.index.ranges and start >= len(data):
            self._answer(416, b"", {})
            return
        self._send(data, start, partial=bool(wanted and self.index.ranges))

    def _send(self, data: bytes, start: int, *, partial: bool) -> None:
        self.send_response(206 if partial else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if self.command == "GET":
            cut = self.index.cut_after
            self.wfile.write(data[start:] if cut is None else data[start : start + cut])
            self.close_connection = cut is not None


@contextlib.contextmanager
def served(index: Index) -> Iterator[Index]:
    """Serves an index on a free port of loopback until the context ends."""
    handler = type("Handler", (_Handler,), {"index": index})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        index.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()


def tar_bytes(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A tar of files (a name that ends in `/` is a directory) and symbolic links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name.rstrip("/"))
            info.type, info.size, info.mode = (
                (tarfile.DIRTYPE, 0, 0o755)
                if name.endswith("/")
                else (tarfile.REGTYPE, len(data), 0o755)
            )
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return buffer.getvalue()


def rootfs(python: str = "3.11", libc: str = "2.36-9") -> bytes:
    """The smallest base that a lock can be made on."""
    status = (
        f"Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: {libc}\n\n"
    )
    return tar_bytes(
        {
            f"usr/bin/python{python}": b"#!interpreter\n",
            "usr/lib/os-release": b'ID=debian\nVERSION_CODENAME="bookworm"\n',
            "var/lib/dpkg/status": status.encode(),
        },
        {"etc/os-release": "../usr/lib/os-release", "bin": "usr/bin"},
    )
