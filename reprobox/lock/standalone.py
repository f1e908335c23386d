"""Interpreters that no package of the base brings: python-build-standalone's archives, which uv
finds, fetches and checks with the user's own settings. The archive is kept by its bytes.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from uv import find_uv_bin

from reprobox.errors import FetchError, ResolveError
from reprobox.kit import proc
from reprobox.lock import pip_settings
from reprobox.lock.uv_faults import redact
from reprobox.model.lock import STANDALONE, Python, Standalone
from reprobox.model.platform import DEFAULT
from reprobox.model.ports import Objects, Progress


class NoPythonError(ResolveError):
    """A base has no interpreter of the wanted version."""


def find(
    version: str,
    *,
    objects: Objects,
    progress: Progress,
    libc: str = "gnu",
    previous: Python | None = None,
) -> Python:
    """The newest interpreter `X.Y`, or that of the previous lock, with its archive in the store.

    Raises:
        FetchError: uv cannot have one; `why` has its words.
    """
    own = previous.standalone if previous and previous.version == version else None
    if own is None or not objects.has(own.sha256):
        with progress.task(f"fetching Python {version}"):
            own = _fetched(version, libc, objects)
    return Python(version=version, executable=f"/{STANDALONE}/bin/python{version}", standalone=own)


def complete(python: Python, objects: Objects, progress: Progress) -> None:
    """Makes the archive of a lock present.

    Raises:
        FetchError: uv gives no archive, or another one.
    """
    own = python.standalone
    if own is None or objects.has(own.sha256):
        return
    libc = "musl" if "-musl" in own.filename else "gnu"
    with progress.task(f"fetching Python {own.version}"):
        found = _fetched(own.version, libc, objects)
    if found.sha256 != own.sha256:
        raise FetchError(
            f"the interpreter {own.filename} of the lock is not offered any more",
            why=f"For {own.version} uv offers {found.filename} ({found.sha256}).",
            next_step="pull it from a store that has it (`reprobox pull --from PLACE`), or make "
            "a new lock with `reprobox lock --upgrade`",
        )


def instead(
    refusal: NoPythonError,
    version: str,
    *,
    objects: Objects,
    progress: Progress,
    libc: str = "gnu",
    previous: Python | None = None,
) -> Python:
    """An interpreter for a base that has none of that version; `progress` reports it.

    Raises:
        ResolveError: the refusal, with the reason why uv could not have one either.
    """
    try:
        found = find(version, objects=objects, progress=progress, libc=libc, previous=previous)
    except FetchError as error:
        raise ResolveError(
            refusal.what,
            why=f"{refusal.why}\nuv could not fetch one (python-build-standalone): {error.why}",
            next_step=refusal.next_step,
        ) from error
    own = found.standalone
    if own is not None:
        progress.note(f"{refusal.what}, so that of python-build-standalone is used: {own.filename}")
    return found


def _fetched(version: str, libc: str, objects: Objects) -> Standalone:
    with tempfile.TemporaryDirectory(prefix="reprobox-python-") as scratch:
        request = f"cpython-{version}-linux-{DEFAULT.machine}-{libc}"
        archive = _installed(request, Path(scratch), pip_settings.read().environment)
        # uv puts the first digits of the sha256 in front of the name.
        filename = archive.name.partition("-")[2]
        return Standalone(
            version=_patch_release(archive, filename),
            filename=filename,
            sha256=objects.put_file(archive),
            size=archive.stat().st_size,
        )


def _installed(request: str, scratch: Path, env: Mapping[str, str]) -> Path:
    """The archive that uv fetched, whose hash it has checked."""
    cache = scratch / "archives"
    argv = [find_uv_bin(), "python", "install", request, "--no-bin", "--no-progress"]
    argv += ["--install-dir", str(scratch / "installed")]
    done = proc.run(argv, cwd=scratch, env={**env, "UV_PYTHON_CACHE_DIR": str(cache)})
    found = sorted(cache.glob("*-cpython-*.tar.gz")) if done.ok else []
    if not found:
        raise FetchError(
            f"uv could not fetch {request}",
            why=redact(done.error_text),
            next_step="check the network, and uv's settings of downloads (UV_PYTHON_DOWNLOADS, "
            "UV_PYTHON_INSTALL_MIRROR)",
        )
    return found[0]


def _patch_release(archive: Path, filename: str) -> str:
    version = filename.split("-")[1].partition("+")[0]
    with tarfile.open(archive) as opened:
        first = opened.next()
    if first is None or first.name.removeprefix("./").split("/")[0] != "python":
        raise FetchError(
            f"{filename} is not an archive of an installed Python",
            next_step="check uv's settings of downloads (UV_PYTHON_DOWNLOADS_JSON_URL)",
        )
    return version
