"""A standalone interpreter's layer: the archive's files at their place, the same bytes each time."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from reprobox.errors import ImageError
from reprobox.image import standalone
from reprobox.model.lock import Standalone
from reprobox.store.objects import ObjectStore

NOTES = (
    b"build_time_vars = {'CC': 'clang -pthread', 'CXX': 'clang++ -pthread',\n"
    b" 'AR': '/tools/llvm/bin/llvm-ar', 'prefix': '/install', 'INCLUDEPY': '/install/include',\n"
    b" 'OTHER': '/installer', 'srcdir': 'clanger'}\n"
)


def packed(objects: ObjectStore, members: list[tuple[str, bytes, str]]) -> Standalone:
    """An archive in the store, from names, bytes, and targets of links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for number, (name, data, link) in enumerate(members):
            member = tarfile.TarInfo(name)
            member.mtime, member.uid, member.mode = (
                number,
                1000,
                0o775 if "/bin/" in name else 0o664,
            )
            member.type = tarfile.SYMTYPE if link else tarfile.REGTYPE
            member.size, member.linkname = len(data), link
            if link.startswith("python/"):
                member.type = tarfile.LNKTYPE
            archive.addfile(member, io.BytesIO(data))
    data = buffer.getvalue()
    return Standalone(
        version="3.12.9",
        filename="cpython-3.12.9.tar.gz",
        sha256=objects.put_bytes(data),
        size=len(data),
    )


MEMBERS = [
    ("python/lib/python3.12/os.py", b"import sys\n", ""),
    ("python/bin/python3.12", b"\x7fELF", ""),
    ("python/bin/python3", b"", "python3.12"),
    ("python/bin/same", b"", "python/bin/python3.12"),
    ("python/lib/python3.12/_sysconfigdata__linux_x86_64-linux-gnu.py", NOTES, ""),
]


def written(own: Standalone, objects: ObjectStore) -> bytes:
    buffer = io.BytesIO()
    standalone.recipe(own, objects).write(buffer)
    return buffer.getvalue()


def test_its_files_are_at_their_place(tmp_path: Path) -> None:
    objects = ObjectStore(tmp_path / "store")
    data = written(packed(objects, MEMBERS), objects)
    with tarfile.open(fileobj=io.BytesIO(data)) as layer:
        found = {member.name: member for member in layer}
        modes = {name: (one.mode, one.uid, one.mtime) for name, one in found.items()}
        program, same = (
            layer.extractfile("opt/python/bin/python3.12"),
            layer.extractfile("opt/python/bin/same"),
        )
        assert program is not None
        assert same is not None
        assert program.read() == same.read() == b"\x7fELF"
        notes = layer.extractfile(
            "opt/python/lib/python3.12/_sysconfigdata__linux_x86_64-linux-gnu.py"
        )
        assert notes is not None
        text = notes.read()
    assert found["opt/python/bin/python3"].linkname == "python3.12"
    assert modes["opt/python/bin/python3.12"][:2] == (0o755, 0)
    assert modes["opt/python/lib/python3.12/os.py"][:2] == (0o644, 0)
    assert len({mtime for _, _, mtime in modes.values()}) == 1
    assert b"'CC': 'cc -pthread', 'CXX': 'c++ -pthread'" in text
    assert b"'AR': 'ar', 'prefix': '/opt/python', 'INCLUDEPY': '/opt/python/include'" in text
    assert b"'OTHER': '/installer', 'srcdir': 'clanger'" in text
    assert data == written(packed(objects, [*MEMBERS[1:], MEMBERS[0]]), objects)


@pytest.mark.parametrize(
    "name", ["other/bin/python", "python/../etc/passwd", "/python/bin/x", "python/a//b"]
)
def test_archives_of_another_shape_are_refused(name: str, tmp_path: Path) -> None:
    objects = ObjectStore(tmp_path / "store")
    with pytest.raises(ImageError, match=r"cpython-3\.12\.9\.tar\.gz cannot be unpacked"):
        written(packed(objects, [(name, b"x", "")]), objects)


def test_an_archive_that_is_cut_is_refused(tmp_path: Path) -> None:
    objects = ObjectStore(tmp_path / "store")
    own = packed(objects, MEMBERS)
    half = objects.put_bytes(objects.path(own.sha256).read_bytes()[:100])
    cut = Standalone(version="3.12.9", filename="cpython-3.12.9.tar.gz", sha256=half, size=100)
    with pytest.raises(ImageError, match="cannot be unpacked"):
        written(cut, objects)
