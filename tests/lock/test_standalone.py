"""Interpreters of python-build-standalone: uv itself fetches them here, from a list of downloads on
loopback that has a small archive of their shape.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lock_world import Index, Locker, Talk, served

from reprobox.errors import FetchError, ResolveError
from reprobox.store.objects import ObjectStore

NAME = "cpython-3.12.9+20261110-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
FILES = {
    "bin/python3.12": b"#!/bin/sh\n",
    "lib/python3.12/os.py": b"",
    "lib/python3.12/_sysconfigdata__linux_x86_64-linux-gnu.py": b"# system configuration generated "
    b"and used by the sysconfig module\nbuild_time_vars = {}\n",
}


def archive(top: str = "python") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, data in FILES.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size, member.mode = len(data), 0o755
            packed.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def downloads(
    own_settings: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[Index, dict[str, object]]]:
    """The files on offer, and uv's list of them (UV_PYTHON_DOWNLOADS_JSON_URL), which is written
    when it is asked for.
    """
    with served(Index(files={NAME: archive()})) as index:
        row: dict[str, object] = {
            "name": "cpython",
            "arch": {"family": "x86_64", "variant": None},
            "os": "linux",
            "libc": "gnu",
            "major": 3,
            "minor": 12,
            "patch": 9,
            "prerelease": "",
            "url": f"{index.url.removesuffix('/simple')}/files/{NAME}",
            "sha256": hashlib.sha256(index.files[NAME]).hexdigest(),
            "variant": None,
            "build": "20261110",
        }
        listed = tmp_path / "downloads.json"
        listed.write_text(json.dumps({"cpython-3.12.9-linux-x86_64-gnu": row}))
        own_settings.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(listed))
        own_settings.setenv("UV_PYTHON_DOWNLOADS", "automatic")
        own_settings.setenv("UV_HTTP_RETRIES", "0")
        yield index, row


def test_it_is_locked_by_its_bytes_and_had_again(
    lock: Locker, downloads: tuple[Index, dict[str, object]], objects: ObjectStore, talk: Talk
) -> None:
    index, row = downloads
    made = lock(python="3.12")
    own = made.python.standalone
    assert own is not None
    assert (own.version, own.filename, own.sha256) == ("3.12.9", NAME, f"sha256:{row['sha256']}")
    assert made.python.executable == "/opt/python/bin/python3.12"
    assert objects.path(own.sha256).read_bytes() == index.files[NAME]
    assert any("has no Python 3.12, so that of python-build" in note for note in talk.notes)
    asked = len(index.asked)
    assert lock(python="3.12", previous=made) == made
    assert len(index.asked) == asked
    objects.remove(own.sha256)
    assert lock(python="3.12", previous=made) == made
    assert objects.has(own.sha256)


def test_another_archive_than_the_locks_is_refused(
    lock: Locker,
    downloads: tuple[Index, dict[str, object]],
    objects: ObjectStore,
    own_settings: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    index, row = downloads
    made = lock(python="3.12")
    assert made.python.standalone is not None
    objects.remove(made.python.standalone.sha256)
    FILES["lib/python3.12/os.py"] = b"other"
    index.files[NAME] = archive()
    FILES["lib/python3.12/os.py"] = b""
    with pytest.raises(FetchError, match="Hash mismatch") as caught:
        lock(python="3.12", previous=made)
    row["sha256"] = hashlib.sha256(index.files[NAME]).hexdigest()
    (tmp_path / "downloads.json").write_text(json.dumps({"cpython": row}))
    with pytest.raises(FetchError, match="is not offered any more") as caught:
        lock(python="3.12", previous=made)
    assert "reprobox pull" in caught.value.next_step


@pytest.mark.parametrize(
    ("python", "variables", "reason"),
    [
        ("3.10", {}, "No download found for request: cpython-3.10-linux-x86_64-gnu"),
        ("3.12", {"UV_PYTHON_DOWNLOADS": "never"}, "Python downloads are not allowed"),
        ("3.12", {"UV_OFFLINE": "1"}, "is missing in `archives`"),
    ],
)
def test_what_cannot_be_had_is_refused_with_both_reasons(
    python: str,
    variables: dict[str, str],
    reason: str,
    lock: Locker,
    downloads: tuple[Index, dict[str, object]],
    own_settings: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        own_settings.setenv(name, value)
    with pytest.raises(ResolveError, match=f"the base base.tar has no Python {python}") as caught:
        lock(python=python)
    assert caught.value.why.startswith("It has /usr/bin/python3.11.\nuv could not fetch one")
    assert reason in caught.value.why
    assert "set `python` to what the base has" in caught.value.next_step


def test_an_archive_of_another_shape_is_refused(
    lock: Locker,
    downloads: tuple[Index, dict[str, object]],
    tmp_path: Path,
) -> None:
    index, row = downloads
    index.files[NAME] = archive("wrong")
    row["sha256"] = hashlib.sha256(index.files[NAME]).hexdigest()
    (tmp_path / "downloads.json").write_text(json.dumps({"cpython": row}))
    with pytest.raises(ResolveError, match=r"has no Python 3\.12"):
        lock(python="3.12")
