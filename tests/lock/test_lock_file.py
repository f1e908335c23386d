from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from reprobox.errors import LockInvalid, LockMissing, NewerFormat, ReproboxError
from reprobox.lock import lock_file
from reprobox.model.lock import BaseLock, Expected, Lock, Python, Wheel

LOCK = Lock(
    intent="sha256:" + "1" * 64,
    timestamp=1_800_000_000,
    python=Python(version="3.11", executable="/usr/bin/python3.11"),
    base=BaseLock(kind="debian", reference="bookworm"),
    wheels=(
        Wheel(
            name="idna",
            version="3.10",
            filename="idna-3.10-py3-none-any.whl",
            sha256="sha256:" + "2" * 64,
            size=70_442,
        ),
    ),
    image=Expected(config="sha256:" + "3" * 64, manifest="sha256:" + "4" * 64, diff_ids=()),
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "reprobox.lock"
    before = os.umask(0o077)
    try:
        lock_file.write(path, LOCK)
    finally:
        os.umask(before)
    assert lock_file.read(path) == LOCK
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_bytes().endswith(b"}\n")
    assert list(json.loads(path.read_bytes())) == sorted(json.loads(path.read_bytes()))
    assert os.listdir(tmp_path) == ["reprobox.lock"]


def test_the_digest_leaves_out_the_image_that_follows_from_it() -> None:
    assert lock_file.digest(LOCK) == lock_file.digest(replace(LOCK, image=None))
    assert lock_file.digest(LOCK) != lock_file.digest(replace(LOCK, timestamp=1))


def _edited(change: dict[str, object]) -> bytes:
    return json.dumps({**json.loads(lock_file.render(LOCK)), **change}).encode()


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (_edited({"timestamp": 5}), LockInvalid, "edited by hand"),
        (_edited({"image": None}), LockInvalid, "edited by hand"),
        (_edited({"seal": "sha256:" + "0" * 64}), LockInvalid, "edited by hand"),
        (_edited({"unknown": 1}), LockInvalid, "edited by hand"),
        (_edited({"wheels": [{"name": 3}]}), LockInvalid, "not a valid Lock"),
        (_edited({"format": "reprobox.lock/2"}), NewerFormat, "reprobox.lock/2"),
        (_edited({"format": "something"}), LockInvalid, "does not say format"),
        (lock_file.render(LOCK)[:-30], LockInvalid, "not readable JSON"),
        (b"[]", LockInvalid, "not a JSON object"),
        (b"{\n<<<<<<< HEAD\n", LockInvalid, "conflict marks"),
        (b"", LockInvalid, "not readable JSON"),
    ],
)
def test_damage_is_noticed(
    tmp_path: Path, data: bytes, error: type[ReproboxError], said: str
) -> None:
    (tmp_path / "reprobox.lock").write_bytes(data)
    with pytest.raises(error, match=said) as caught:
        lock_file.read(tmp_path / "reprobox.lock")
    assert caught.value.next_step


def test_no_lock(tmp_path: Path) -> None:
    with pytest.raises(LockMissing, match=r"there is no reprobox\.lock") as caught:
        lock_file.read(tmp_path / "reprobox.lock")
    assert "reprobox lock" in caught.value.next_step
