"""Small real things to compose images of: wheels, Debian packages and one-layer bases, the same
bytes each time.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reprobox.engine.docker import DockerEngine
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.lock import BaseLock, Deb, Lock, Python, Wheel
from reprobox.store.objects import ObjectStore

TIMESTAMP = 1_763_600_000
INTENT = "sha256:" + "0" * 64


@dataclass
class Talk:
    """Remembers what was told, and how many bytes were sent to engines."""

    notes: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    sent: int = 0

    @contextlib.contextmanager
    def task(self, what: str, total: int | None = None) -> Iterator[Any]:
        self.tasks.append(what)
        talk = self

        class Bar:
            def update(self, advance: int, note: str = "") -> None:
                if what == "send image layers":
                    talk.sent += advance

        yield Bar()

    def note(self, text: str) -> None:
        self.notes.append(text)


def wheel_bytes(
    name: str,
    version: str,
    files: dict[str, bytes],
    *,
    entry_points: str = "",
    record: dict[str, str] | None = None,
    mode: int = 0o644,
) -> bytes:
    """A wheel; `record` replaces the hashes of some files."""
    info = f"{name}-{version}.dist-info"
    members = dict(files)
    members[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    )
    members[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    if entry_points:
        members[f"{info}/entry_points.txt"] = entry_points.encode()
    rows = []
    for path, data in members.items():
        digest = "sha256=" + base64.urlsafe_b64encode(
            hashlib.sha256(data).digest()
        ).decode().rstrip("=")
        rows.append(f"{path},{(record or {}).get(path, digest)},{len(data)}")
    members[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, data in members.items():
            member = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            member.external_attr = (0o100000 | mode) << 16
            archive.writestr(member, data)
    return buffer.getvalue()


def put_wheel(objects: ObjectStore, name: str, version: str, data: bytes) -> Wheel:
    return Wheel(
        name=name,
        version=version,
        filename=f"{name}-{version}-py3-none-any.whl",
        sha256=objects.put_bytes(data),
        size=len(data),
    )


def put_simple_wheel(
    objects: ObjectStore, name: str, version: str = "1.0", text: str = ""
) -> Wheel:
    data = wheel_bytes(
        name, version, {f"{name}/__init__.py": f"VERSION = {version!r}\n{text}".encode()}
    )
    return put_wheel(objects, name, version, data)


def deb_bytes(
    name: str,
    files: dict[str, bytes],
    *,
    postinst: str = "",
    built: int = TIMESTAMP - 1000,
    suffix: str = ".xz",
    compress: Callable[[bytes], bytes] = lzma.compress,
) -> bytes:
    """A Debian package (deb(5))."""
    control = f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: test\n"
    scripts = {"control": (control.encode(), 0o644)} | (
        {"postinst": (postinst.encode(), 0o755)} if postinst else {}
    )
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": lzma.compress(_tar(scripts, built)),
        f"data.tar{suffix}": compress(
            _tar({path: (data, 0o644) for path, data in files.items()}, built)
        ),
    }
    found = b"!<arch>\n"
    for part, data in parts.items():
        found += (
            f"{part:<16}{built:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
            + data
            + b"\n" * (len(data) % 2)
        )
    return found


def put_deb(objects: ObjectStore, name: str, data: bytes) -> Deb:
    digest = objects.put_bytes(data)
    return Deb(
        name=name,
        version="1.0",
        architecture="all",
        filename=f"{name}_1.0_all.deb",
        sha256=digest,
        size=len(data),
    )


def _tar(files: dict[str, tuple[bytes, int]], mtime: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        folders: set[str] = set()
        for path, (data, mode) in files.items():
            parts = path.split("/")[:-1]
            for depth in range(len(parts)):
                folder = "./" + "/".join(parts[: depth + 1])
                if folder not in folders:
                    folders.add(folder)
                    _member(archive, folder, tarfile.DIRTYPE, b"", 0o755, mtime)
            _member(archive, f"./{path}", tarfile.REGTYPE, data, mode, mtime)
    return buffer.getvalue()


def _member(
    archive: tarfile.TarFile, name: str, kind: bytes, data: bytes, mode: int, mtime: int
) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode, info.mtime = kind, len(data), mode, mtime
    archive.addfile(info, io.BytesIO(data))


def put_base(objects: ObjectStore, *texts: str) -> BaseLock:
    """A base of one small layer for each text; nothing in it can be started."""
    diff_ids = tuple(
        objects.put_bytes(_tar({f"etc/text-{number}": (text.encode(), 0o644)}, 0))
        for number, text in enumerate(texts)
    )
    config = {
        "Env": ["PATH=/usr/bin", "BASE=yes"],
        "Labels": {"base": "small"},
        "Entrypoint": ["/entry"],
        "Volumes": {"/data": {}},
    }
    return BaseLock(kind="archive", reference="small.tar", diff_ids=diff_ids, config=config)


def make_lock(base: BaseLock, **fields: Any) -> Lock:
    python = Python(version="3.11", executable="/usr/bin/python3.11")
    return Lock(intent=INTENT, timestamp=TIMESTAMP, python=python, base=base, **fields)


def digest_of(lock: Lock) -> str:
    return codec.digest(lock.without_image())


def flip(objects: ObjectStore, digest: str) -> None:
    """Damages an object on disk: one bit in its middle."""
    path = objects.path(digest)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(objects: ObjectStore, digest: str) -> None:
    """Truncates an object on disk."""
    path = objects.path(digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-7])


class Wrapped:
    """The real engine, to change one answer of in a subclass."""

    def __init__(self, engine: DockerEngine) -> None:
        self.real = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Dropping(Wrapped):
    """Loses one layer of each archive on its way to the real engine."""

    def __init__(self, engine: DockerEngine, lost: str) -> None:
        super().__init__(engine)
        self.lost = f"blobs/sha256/{canon.hex_of(lost)}"

    def load(self, chunks: Iterable[bytes]) -> None:
        whole, rest = io.BytesIO(b"".join(chunks)), io.BytesIO()
        with tarfile.open(fileobj=whole) as source, tarfile.open(fileobj=rest, mode="w") as target:
            for member in source:
                if member.name != self.lost:
                    target.addfile(member, source.extractfile(member))
        self.real.load([rest.getvalue()])


def members(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as archive:
        return {member.name: member for member in archive}


def lock_of_small_wheels(objects: ObjectStore) -> Lock:
    wheels = tuple(
        put_simple_wheel(objects, name) for name in ("delta", "alpha", "charlie", "beta")
    )
    return make_lock(put_base(objects, "one", "two"), wheels=wheels)
