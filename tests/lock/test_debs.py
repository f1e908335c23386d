"""Where Debian packages come from, and what dpkg says of the C library."""

from __future__ import annotations

from pathlib import Path

import pytest
from lock_world import rootfs, tar_bytes

from reprobox.lock import debs
from reprobox.lock.image_tree import Tree


def test_another_distribution_brings_its_own_sources_and_keys(tmp_path: Path) -> None:
    files = {
        "etc/os-release": b"ID=ubuntu\nVERSION_CODENAME=noble\n",
        "etc/apt/sources.list": b"# nothing\n",
        "etc/apt/sources.list.d/ubuntu.sources": b"Types: deb\nURIs: "
        b"http://mirror.invalid/\nSuites: "
        b"noble\nComponents: main\n",
        "etc/apt/trusted.gpg.d/keys.gpg": b"keys",
    }
    (tmp_path / "layer.tar").write_bytes(tar_bytes(files))
    sources = debs.tree_sources(Tree([tmp_path / "layer.tar"]), "some base")
    assert sorted(sources.files) == ["sources.list", "ubuntu.sources"]
    assert sources.trusted == {"keys.gpg": b"keys"}


def test_a_named_mirror_comes_before_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPROBOX_DEBIAN_MIRROR", "http://mirror.invalid/debian")
    monkeypatch.setenv("REPROBOX_DEBIAN_SECURITY_MIRROR", "http://mirror.invalid/security")
    text = debs.suite_sources("trixie").files["suite.list"]
    assert [line.split("] ")[1] for line in text.splitlines()] == [
        "http://mirror.invalid/debian trixie main",
        "http://mirror.invalid/debian trixie-updates main",
        "http://mirror.invalid/security trixie-security main",
    ]
    assert len(debs.suite_sources("sid").files["suite.list"].splitlines()) == 1


def test_glibc_decides_which_wheels_fit(tmp_path: Path) -> None:
    (tmp_path / "layer.tar").write_bytes(rootfs(libc="2.31-13+deb11u11"))
    assert debs.glibc_minor(Tree([tmp_path / "layer.tar"]), []) == 31
