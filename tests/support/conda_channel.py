"""A conda channel on loopback with small real packages: noarch and linux-64, both archive forms."""

from __future__ import annotations

import bz2
import contextlib
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reprobox.kit import zstd

PLACEHOLDER = "/opt/placeholder_of_the_prefix_" + "_place" * 20
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


@dataclass
class Package:
    """A conda package before it is packed."""

    name: str
    files: dict[str, bytes]
    version: str = "1.0"
    noarch: bool = False
    depends: tuple[str, ...] = ()
    entry_points: tuple[str, ...] = ()
    binary: tuple[str, ...] = ()
    """Files whose placeholder is in C strings."""
    links: dict[str, str] = field(default_factory=dict)
    executable: tuple[str, ...] = ()
    placeholder: str = PLACEHOLDER

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-h1_0"

    @property
    def subdir(self) -> str:
        return "noarch" if self.noarch else "linux-64"

    def index(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "build": "h1_0",
            "build_number": 0,
            "depends": list(self.depends),
            "subdir": self.subdir,
        }
        return {**found, "noarch": "python"} if self.noarch else found

    def _info(self) -> dict[str, bytes]:
        rows = [self._row(path, data) for path, data in self.files.items()]
        rows += [{"_path": path, "path_type": "softlink"} for path in self.links]
        link = {"noarch": {"type": "python", "entry_points": list(self.entry_points)}}
        return {
            "info/index.json": json.dumps(self.index()).encode(),
            "info/paths.json": json.dumps({"paths": rows, "paths_version": 1}).encode(),
            **({"info/link.json": json.dumps(link).encode()} if self.noarch else {}),
        }

    def _row(self, path: str, data: bytes) -> dict[str, Any]:
        row: dict[str, Any] = {"_path": path, "path_type": "hardlink"}
        if self.placeholder.encode() in data and (path in self.binary or b"\0" not in data):
            row["prefix_placeholder"] = self.placeholder
            row["file_mode"] = "binary" if path in self.binary else "text"
        return row

    def conda(self) -> bytes:
        """The `.conda` form."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
            content = _tar(self.files, self.links, self.executable)
            archive.writestr(f"pkg-{self.stem}.tar.zst", zstd.compress(content, 1))
            info = _tar(self._info(), {}, ())
            archive.writestr(f"info-{self.stem}.tar.zst", zstd.compress(info, 1))
        return buffer.getvalue()

    def tar_bz2(self) -> bytes:
        """The `.tar.bz2` form."""
        return bz2.compress(_tar({**self.files, **self._info()}, self.links, self.executable), 1)


def _tar(files: dict[str, bytes], links: dict[str, str], executable: tuple[str, ...]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            run = path in executable or path.startswith("bin/")
            member.size, member.mode, member.mtime = len(data), 0o775 if run else 0o664, 1234567890
            archive.addfile(member, io.BytesIO(data))
        for path, target in links.items():
            member = tarfile.TarInfo(path)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return buffer.getvalue()


def hello() -> Package:
    """noarch Python, with an entry point, a script and a text file that names the prefix."""
    code = b"import sys\ndef main():\n    print('hello from', sys.prefix != '', __file__)\n"
    return Package(
        name="hello",
        noarch=True,
        depends=("python >=3",),
        entry_points=("say-hello = hello:main",),
        files={
            "site-packages/hello.py": code,
            "site-packages/hello-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: hello\n"
            b"Version: 1.0\n",
            "python-scripts/old-hello": f"#!{PLACEHOLDER}/bin/python\nprint(1)\n".encode(),
            "etc/hello.conf": f"home = {PLACEHOLDER}/share\n".encode(),
        },
    )


def native() -> Package:
    """linux-64, with the prefix in a binary, and a link."""
    text = PLACEHOLDER.encode()
    data = b"\x7fELF\0\1" + text + b"/lib/a:" + text + b"/lib/b\0\2\0rest\0"
    return Package(
        name="native",
        files={"lib/libnative.so.1": data},
        binary=("lib/libnative.so.1",),
        links={"lib/libnative.so": "libnative.so.1"},
    )


def scripted() -> Package:
    """A package that wants to run code when it is installed."""
    return Package(name="scripted", files={"bin/.scripted-post-link.sh": b"#!/bin/sh\n"})


def interpreter() -> Package:
    """The interpreter of these tests, as a conda package."""
    base = Path(sys.base_prefix)
    library = base / f"lib/python{VERSION}"
    skipped = {
        "test",
        "idlelib",
        "tkinter",
        "ensurepip",
        "site-packages",
        "__pycache__",
        "turtledemo",
    }
    files = {}
    for folder, folders, names in os.walk(library):
        folders[:] = [
            name for name in folders if name not in skipped and not name.startswith("config-")
        ]
        for name in names:
            path = Path(folder, name)
            if path.suffix != ".a" and path.is_file():
                files[path.relative_to(base).as_posix()] = path.read_bytes()
    files[f"bin/python{VERSION}"] = Path(os.path.realpath(sys.executable)).read_bytes()
    for shared in (base / "lib").glob("libpython*.so*"):
        files[f"lib/{shared.name}"] = shared.read_bytes()
    links = {"bin/python": f"python{VERSION}", "bin/python3": f"python{VERSION}"}
    # Where it was built is in its run path, so that is the placeholder, as in conda's own packages.
    return Package(
        name="python",
        version=f"{VERSION}.0",
        files=files,
        links=links,
        binary=(f"bin/python{VERSION}",),
        placeholder=str(base),
    )


EXTENSION = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
static volatile char place[] = "PLACEHOLDER/share";
static PyObject *where(PyObject *self, PyObject *none) {
    return PyUnicode_FromString((const char *)place);
}
static PyMethodDef methods[] = {{"where", where, METH_NOARGS, 0}, {0, 0, 0, 0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "cext", 0, -1, methods};
PyMODINIT_FUNC PyInit_cext(void) { return PyModule_Create(&module); }
"""


def extension(scratch: Path) -> Package:
    """A compiled extension that names the prefix."""
    source, target = scratch / "cext.c", scratch / "cext.so"
    source.write_text(EXTENSION.replace("PLACEHOLDER", PLACEHOLDER))
    include = sysconfig.get_paths()["include"]
    argv = ["gcc", "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(target)]
    subprocess.run(argv, check=True)
    name = f"lib/python{VERSION}/site-packages/cext.abi3.so"
    return Package(
        name="cext", files={name: target.read_bytes()}, binary=(name,), depends=("python",)
    )


@dataclass
class Channel:
    """What is served."""

    packages: dict[str, tuple[Package, bytes]] = field(default_factory=dict)
    """`subdir/filename` to the package and its bytes."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/channel"

    def add(self, package: Package, form: str = ".conda") -> str:
        """Publishes a package; its address."""
        data = package.conda() if form == ".conda" else package.tar_bz2()
        place = f"{package.subdir}/{package.stem}{form}"
        self.packages[place] = (package, data)
        return f"{self.url}/{place}"

    def md5(self, url: str) -> str:
        return hashlib.md5(self._data(url)).hexdigest()

    def sha256(self, url: str) -> str:
        return hashlib.sha256(self._data(url)).hexdigest()

    def _data(self, url: str) -> bytes:
        return self.packages[url.removeprefix(self.url + "/")][1]

    def answer(self, path: str) -> bytes | None:
        """The bytes at a path below the channel."""
        subdir, _, name = path.partition("/")
        if name == "repodata.json":
            return json.dumps(self._repodata(subdir)).encode()
        found = self.packages.get(path)
        return found[1] if found else None

    def _repodata(self, subdir: str) -> dict[str, Any]:
        rows: dict[str, dict[str, Any]] = {"packages": {}, "packages.conda": {}}
        for place, (package, data) in self.packages.items():
            if package.subdir == subdir:
                name = place.partition("/")[2]
                kind = "packages.conda" if name.endswith(".conda") else "packages"
                rows[kind][name] = {
                    **package.index(),
                    "md5": hashlib.md5(data).hexdigest(),
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "size": len(data),
                }
        return {"info": {"subdir": subdir}, "repodata_version": 1, **rows}


@contextlib.contextmanager
def serving() -> Iterator[Channel]:
    """Serves a channel on a free port of loopback until the context ends."""
    channel = Channel()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            data = channel.answer(self.path.removeprefix("/channel/"))
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data or b"")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        channel.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield channel
        finally:
            server.shutdown()
            thread.join()
