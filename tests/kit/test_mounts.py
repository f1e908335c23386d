"""Which file system a path is on, and what its locks are worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.kit import mounts

TABLE = """\
22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 22 0:35 / /shared rw,relatime - nfs4 server:/export rw,vers=4.2
41 40 0:36 / /shared/fast rw - lustre mds@tcp:/fast rw,flock
42 22 0:37 / /with\\040space rw - fuse.glusterfs host:/vol rw
43 22 0:38 / /shared2 rw - xfs /dev/vdb rw
44 43 0:39 / /shared2 rw - nfs server:/over rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind", "at", "shared"),
    [
        ("/nowhere/x", "ext4", "/", False),
        ("/shared", "nfs4", "/shared", True),
        ("/shared/a/b", "nfs4", "/shared", True),
        ("/sharedness", "ext4", "/", False),
        ("/shared/fast/run", "lustre", "/shared/fast", True),
        ("/with space/run", "fuse.glusterfs", "/with space", True),
        ("/shared2/x", "nfs", "/shared2", True),
    ],
)
def test_the_innermost_mount_decides(path: str, kind: str, at: str, shared: bool) -> None:
    found = mounts.file_system(Path(path), TABLE)
    assert (found.kind, found.mounted_at, found.on_a_network) == (kind, at, shared)


def test_a_table_that_says_nothing_is_not_taken_for_a_local_disk(tmp_path: Path) -> None:
    assert mounts.file_system(tmp_path, "").kind == ""
    assert mounts.file_system(tmp_path).kind != ""


def test_locks_and_links_of_this_disk(tmp_path: Path) -> None:
    assert mounts.locks(tmp_path) == "held"
    assert mounts.links(tmp_path) == "exclusive"
    assert list(tmp_path.iterdir()) == []


def test_locks_that_keep_nobody_out_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: None)  # as a mount with `nolock`
    assert mounts.locks(tmp_path) == "not held: a second process got the same lock"


def test_what_a_file_system_does_not_offer_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refused)
    monkeypatch.setattr("os.link", refused)
    assert mounts.locks(tmp_path) == "not offered: [Errno 95] Operation not supported"
    assert mounts.links(tmp_path) == "not offered: [Errno 95] Operation not supported"
    assert mounts.locks(tmp_path / "nowhere").startswith("not offered: ")
