"""A layer that an engine made, put into one form."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from image_world import members

from reprobox.image import normalise
from reprobox.store.objects import ObjectStore

CLAMP = 1_000


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
