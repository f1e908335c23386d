"""Debian packages without dpkg, and file systems without accidents."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from image_world import TIMESTAMP, deb_bytes

from reprobox.errors import ImageError
from reprobox.image import deb, normalise
from reprobox.image.bootstrap import _merged

CLAMP = 1_000


def test_a_package_s_files_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a.deb"
    path.write_bytes(deb_bytes("demo", {"usr/bin/demo": b"x", "etc/odd": b"yy"}))
    assert deb.built(path) == TIMESTAMP - 1000
    with deb.data(path, "demo") as archive:
        assert [member.name for member in archive if member.isreg()] == [
            "./usr/bin/demo",
            "./etc/odd",
        ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a package",
        b"!<arch>\nshort",
        b"!<arch>\n" + b"x" * 60,
        b"!<arch>\n",
        deb_bytes("demo", {})[:-40],
    ],
)
def test_what_is_no_package_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.deb"
    path.write_bytes(data)
    with pytest.raises(ImageError, match="not a Debian package"), deb.data(path, "demo") as archive:
        list(archive)


@pytest.mark.parametrize(
    "compress", [lzma.compress, gzip.compress, bz2.compress, zstandard.compress]
)
def test_every_compression_of_packages_is_read(
    compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "a.deb"
    suffix = {lzma.compress: ".xz", gzip.compress: ".gz", bz2.compress: ".bz2"}.get(
        compress, ".zst"
    )
    path.write_bytes(
        deb_bytes("demo", {"usr/bin/demo": b"x" * 100_000}, suffix=suffix, compress=compress)
    )
    with deb.data(path, "demo") as archive:
        found = {
            member.name: archive.extractfile(member).read() for member in archive if member.isreg()
        }  # type: ignore[union-attr]
    assert found == {"./usr/bin/demo": b"x" * 100_000}


def test_damaged_zstd_and_unknown_compression_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.deb"
    path.write_bytes(deb_bytes("demo", {}, suffix=".zst"))
    with pytest.raises(ImageError, match="not a Debian package"), deb.data(path, "demo"):
        pass
    path.write_bytes(deb_bytes("demo", {}, suffix=".lz4"))
    with pytest.raises(ImageError, match=r"data.tar.lz4") as caught, deb.data(path, "demo"):
        pass
    assert "leave the package out" in caught.value.next_step


@pytest.mark.parametrize(
    ("path", "merged"),
    [
        ("./bin/sh", "usr/bin/sh"),
        ("./lib64/ld.so", "usr/lib64/ld.so"),
        ("./bin", "bin"),
        ("./", ""),
        ("./usr/bin/x", "usr/bin/x"),
        (".", ""),
    ],
)
def test_merged_usr(path: str, merged: str) -> None:
    assert _merged(path) == merged


@pytest.mark.parametrize(
    "path",
    ["etc/machine-id", "var/log/dpkg.log", "var/cache/ldconfig/aux-cache", "dev/null", "run/x/y", ".dockerenv", "etc/hosts",
     "usr/share/doc/a/README", "usr/share/locale/de/x.mo", "var/lib/dpkg/status-old", ".reprobox-debs/a.deb"],
)  # fmt: skip
def test_dropped(path: str) -> None:
    assert normalise.dropped(path)


@pytest.mark.parametrize(
    "path",
    [
        "dev",
        "run",
        "tmp",
        "var/log",
        "usr/share/doc/a",
        "usr/share/doc/a/copyright",
        "var/lib/dpkg/status",
        "etc/passwd",
        "etc/hosts.allow",
    ],
)
def test_kept(path: str) -> None:
    assert not normalise.dropped(path)
