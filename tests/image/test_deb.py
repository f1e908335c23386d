"""Debian packages without dpkg, and file systems without accidents."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from image_world import TIMESTAMP, deb_bytes, members

from reprobox.errors import ImageError
from reprobox.image import deb, normalise
from reprobox.image.bootstrap import _merged
from reprobox.store.objects import ObjectStore

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


def export(order: list[str], mtime: int) -> bytes:
    """A file system as an engine exports it: two names of one file, in some order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        folder = tarfile.TarInfo("bin")
        folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o755, mtime
        archive.addfile(folder)
        for place, name in enumerate(order):
            info = tarfile.TarInfo(name)
            info.mode, info.mtime, info.uname = 0o4755, mtime, "somebody"
            if place == 0:
                info.size = 4
                info.pax_headers = {
                    "SCHILY.xattr.security.capability": "\x01\x00\udcff",
                    "SCHILY.xattr.user.odd": "x",
                }
                archive.addfile(info, io.BytesIO(b"data"))
            else:
                info.type, info.linkname = tarfile.LNKTYPE, order[0]
                archive.addfile(info)
        log = tarfile.TarInfo("var/log/x.log")
        log.size = 3
        archive.addfile(log, io.BytesIO(str(mtime)[:3].encode()))
    return buffer.getvalue()


def kept(objects: ObjectStore, data: bytes) -> str:
    return normalise.keep(
        iter([data]),
        lambda files: (list(files.members), ["etc/gone"]),
        clamp=CLAMP,
        objects=objects,
    )[0]


def test_order_times_and_names_of_links_do_not_matter(objects: ObjectStore) -> None:
    one = kept(objects, export(["bin/a", "bin/b", "bin/c"], 2_000))
    other = kept(objects, export(["bin/c", "bin/b", "bin/a"], 3_000))
    assert one == other
    found = members(objects.path(one))
    assert list(found) == ["bin", "bin/a", "bin/b", "bin/c", "etc/.wh.gone"]
    assert found["bin/a"].isreg()
    assert found["bin/c"].linkname == found["bin/b"].linkname == "bin/a"
    assert {found[name].mtime for name in found if ".wh." not in name} == {CLAMP}
    assert found["bin/a"].mode == 0o4755
    assert found["bin/a"].uname == ""
    assert found["bin/a"].pax_headers == {"SCHILY.xattr.security.capability": "\x01\x00\udcff"} | (
        {"hdrcharset": "BINARY"} if "hdrcharset" in found["bin/a"].pax_headers else {}
    )


def test_a_directory_whose_mode_alone_changed_is_in_the_layer(
    objects: ObjectStore, tmp_path: Path
) -> None:
    lower = tmp_path / "lower.tar"
    with tarfile.open(lower, "w") as archive:
        for name, mode in (("./bin", 0o755), ("opt", 0o755), ("srv", 0o755)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            archive.addfile(folder)
    upper = io.BytesIO()
    with tarfile.open(fileobj=upper, mode="w") as archive:
        for name, mode, gid in (("bin", 0o755, 0), ("opt", 0o2775, 0), ("srv", 0o755, 50)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode, folder.gid = tarfile.DIRTYPE, mode, gid
            archive.addfile(folder)
    changes = [(0, "/bin"), (0, "/opt"), (0, "/srv")]
    below = normalise.directories([lower])
    digest, _ = normalise.keep(
        iter([upper.getvalue()]),
        lambda files: normalise.layer_names(files, changes, below),
        clamp=CLAMP,
        objects=objects,
    )
    assert {name: (one.mode, one.gid) for name, one in members(objects.path(digest)).items()} == {
        "opt": (0o2775, 0),
        "srv": (0o755, 50),
    }


def test_a_changed_link_whose_first_name_is_below_is_written_whole(objects: ObjectStore) -> None:
    data = export(["bin/a", "bin/b"], 2_000)
    changes = [(0, "/bin"), (1, "/bin/b"), (2, "/etc/old"), (1, "/var/log/x.log")]
    digest, _ = normalise.keep(
        iter([data[:700], data[700:]]),
        lambda files: normalise.layer_names(files, changes),
        clamp=CLAMP,
        objects=objects,
    )
    found = members(objects.path(digest))
    assert list(found) == ["bin", "bin/b", "etc/.wh.old"]
    assert found["bin/b"].isreg()
    assert found["bin/b"].size == 4
