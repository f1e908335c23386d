"""Images for tests, made from this machine's own files: no registry, no network."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reprobox.kit.canon import canonical, digest_bytes
from reprobox.kit.tar import TarStream, entry

# scripts/setup unpacks Debian's into .tools; the system's own may be absent, or linked dynamically.
_TOOLS = Path(__file__).parents[2] / ".tools"
BUSYBOX = next(
    (path for path in (_TOOLS / "bin/busybox", _TOOLS / "usr/bin/busybox") if path.exists()),
    _TOOLS / "bin/busybox",
)
APPLETS = (
    "sh",
    "ls",
    "cat",
    "sleep",
    "env",
    "id",
    "true",
    "false",
    "head",
    "dd",
    "ps",
    "kill",
    "touch",
    "mkdir",
    "ln",
    "test",
    "yes",
    "stat",
    "wget",
    "grep",
    "printf",
    "chmod",
    "ulimit",
)
LEFT_OUT = {
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "lib2to3",
    "site-packages",
    "dist-packages",
    "__pycache__",
}


@dataclass(frozen=True)
class PythonImage:
    """An image with this machine's interpreter and busybox in it, and nothing compiled beforehand."""

    tag: str
    python: str


def archive(layer: bytes, tag: str, config: dict[str, object] | None = None) -> bytes:
    """A docker-archive with one layer."""
    body = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], **(config or {})},
        "rootfs": {"type": "layers", "diff_ids": [digest_bytes(layer)]},
    }
    out = io.BytesIO()
    tar = TarStream(out)
    tar.file("config.json", canonical(body))
    tar.file("layer.tar", layer)
    tar.file(
        "manifest.json",
        canonical([{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]),
    )
    tar.close()
    return out.getvalue()


def chunks(data: bytes, size: int = 1 << 20) -> Iterator[bytes]:
    """The bytes in pieces."""
    return (data[start : start + size] for start in range(0, len(data), size))


def tiny_layer() -> bytes:
    """A root file system with busybox."""
    out = io.BytesIO()
    tar = TarStream(out)
    _base(tar)
    tar.close()
    return out.getvalue()


def _base(tar: TarStream) -> None:
    if not BUSYBOX.exists():
        raise RuntimeError("the tests need a static busybox: run scripts/setup --tests")
    for name in (
        "bin",
        "etc",
        "dev",
        "proc",
        "sys",
        "usr/bin",
        "usr/local/bin",
        "home/reprobox",
        "work",
    ):
        tar.directory(name)
    tar.directory("tmp", 0o1777)
    tar.file("bin/busybox", BUSYBOX.read_bytes(), 0o755)
    for applet in APPLETS:
        tar.symlink(f"bin/{applet}", "busybox")


def python_layer() -> tuple[bytes, str]:
    """A root file system with busybox and this interpreter, at the places where they are here; and
    the interpreter's path.
    """
    python = os.path.realpath(
        os.path.join(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    )
    out = io.BytesIO()
    tar = TarStream(out)
    _base(tar)
    stdlib = Path(sysconfig.get_path("stdlib"))
    files = [Path(python), *_library(stdlib)]
    files += _needed_by([path for path in files if path.suffix == ".so" or path == Path(python)])
    _add(tar, files)
    tar.symlink("usr/bin/python3", python)
    tar.close()
    return out.getvalue(), python


def _library(stdlib: Path) -> Iterator[Path]:
    for directory, names, files in os.walk(stdlib):
        names[:] = sorted(
            name for name in names if name not in LEFT_OUT and not name.startswith("config-")
        )
        yield from (Path(directory, name) for name in sorted(files))


def _needed_by(binaries: list[Path]) -> list[Path]:
    done = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)
    return [Path(name) for name in sorted(set(re.findall(r"(/\S+\.so[.\d]*)(?= \()", done.stdout)))]


def _add(tar: TarStream, files: Iterable[Path]) -> None:
    made: set[str] = set()
    for path in files:
        for parent in reversed(path.parents):
            name = str(parent).strip("/")
            if name and name not in made:
                made.add(name)
                tar.directory(name)
        name = str(path).strip("/")
        if name in made:
            continue
        made.add(name)
        data = path.read_bytes()
        tar.stream(
            entry(
                name,
                mode=0o755 if os.access(path, os.X_OK) else 0o644,
                size=len(data),
                kind=tarfile.REGTYPE,
            ),
            io.BytesIO(data),
        )
