"""The user's own file: there when it is whole, never in anybody's place, and without a trace of
what did not end.
"""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from reprobox.errors import UsageError
from reprobox.store.transfer import whole_file


@pytest.fixture(params=["nameless", "named"])
def folder(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "named":
        # As on a file system without nameless files.
        monkeypatch.setattr(whole_file, "_DESCRIPTORS", tmp_path / "none")
    (tmp_path / "of the user").mkdir()
    return tmp_path / "of the user"


def write(
    path: Path, data: bytes, *, replace: bool = False, then: Callable[[], object] = bool
) -> None:
    with whole_file.written(path, replace=replace) as file:
        file.write(data)
        then()


def test_it_appears_at_the_end_with_the_users_mode(folder: Path) -> None:
    old = os.umask(0o027)
    try:
        with whole_file.written(folder / "b", replace=False) as file:
            file.write(b"123")
            assert not (folder / "b").exists()
    finally:
        os.umask(old)
    assert (folder / "b").read_bytes() == b"123"
    assert stat.S_IMODE((folder / "b").stat().st_mode) == 0o640
    assert os.listdir(folder) == ["b"]


def test_a_name_that_is_taken_stays_the_others(folder: Path) -> None:
    with pytest.raises(UsageError, match="already"):
        write(
            folder / "b", b"late", then=lambda: (folder / "b").write_bytes(b"somebody was faster")
        )
    assert (folder / "b").read_bytes() == b"somebody was faster"
    with pytest.raises(UsageError, match="already"):
        whole_file.refuse_taken(folder / "b")
    write(folder / "b", b"said --force", replace=True)
    assert (folder / "b").read_bytes() == b"said --force"
    assert os.listdir(folder) == ["b"]


def test_what_ends_early_leaves_what_was_there(folder: Path) -> None:
    write(folder / "b", b"old")
    with pytest.raises(ZeroDivisionError):
        write(folder / "b", b"new", replace=True, then=lambda: 1 // 0)
    assert (folder / "b").read_bytes() == b"old"
    assert os.listdir(folder) == ["b"]


def test_a_directory_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(UsageError, match="no directory"):
        write(folder / "nowhere" / "b", b"")


def test_a_kill_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """Only where files may be nameless; the other way leaves its temporary name."""
    child = os.fork()
    if child == 0:
        with whole_file.written(tmp_path / "b", replace=False) as file:
            file.write(b"x" * 100_000)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert os.listdir(tmp_path) == []
