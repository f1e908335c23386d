"""Resolving: the real index, an index on loopback, find-links, pins."""

from __future__ import annotations

from pathlib import Path

import pytest
from lock_files import versions
from lock_world import Index, Locker, served, sha256

from reprobox.errors import HashMismatch
from reprobox.store.objects import ObjectStore


def test_real_packages_from_the_users_own_index(
    lock: Locker, root: Path, objects: ObjectStore
) -> None:
    (root / "requirements.txt").write_text(
        "jinja2==3.1.6\ncolorama==0.4.6; sys_platform == 'win32'\n"
    )
    made = lock("requirements.txt", "markupsafe==3.0.2")
    assert versions(made) == {"jinja2": "3.1.6", "markupsafe": "3.0.2"}
    wheel = made.wheels[1]
    # As the index has published it; a native wheel, for the image's interpreter and C library.
    assert (
        wheel.filename
        == "MarkupSafe-3.0.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    )
    assert sha256(objects.path(wheel.sha256).read_bytes()) == wheel.sha256
    assert wheel.size == objects.path(wheel.sha256).stat().st_size
    assert made.python.executable == "/usr/bin/python3.11"


def test_uvs_own_settings_come_before_pips(
    lock: Locker, index: Index, own_settings: pytest.MonkeyPatch
) -> None:
    index.add("alpha", "1.0")
    with served(Index()) as other:
        other.add("alpha", "3.0")
        own_settings.setenv("UV_DEFAULT_INDEX", other.url)
        assert versions(lock("alpha")) == {"alpha": "3.0"}


def test_a_flipped_byte_is_refused_and_not_stored(
    lock: Locker, index: Index, objects: ObjectStore
) -> None:
    digest = index.add("alpha", "1.0")
    name = "alpha-1.0-py3-none-any.whl"
    index.claimed[name] = digest
    # In the file's body, so that uv, which reads the metadata at the end, resolves as ever.
    index.files[name] = index.files[name].replace(b"VERSION", b"VERSIOM")
    with pytest.raises(HashMismatch, match="not what the lock names") as caught:
        lock("alpha")
    assert name in caught.value.why
    assert not objects.has(digest)


def test_hashes_in_the_requirements_choose_and_refuse(
    lock: Locker, root: Path, index: Index
) -> None:
    plain = index.add("alpha", "1.0")
    index.add("alpha", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    assert "manylinux" in lock("alpha").wheels[0].filename
    (root / "pinned.txt").write_text(f"alpha==1.0 \\\n    --hash={plain}\n")
    (root / "requirements.txt").write_text("-r pinned.txt\n")
    assert lock("requirements.txt").wheels[0].sha256 == plain
    (root / "pinned.txt").write_text(f"alpha==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(HashMismatch, match="hash that the requirements allow"):
        lock("requirements.txt")
