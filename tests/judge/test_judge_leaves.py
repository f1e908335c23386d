"""Every value of a file is a leaf, each under a name of its own: nothing is dropped, overwritten or taken for something else."""

from __future__ import annotations

import contextlib
import io
import pickle
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reprobox.judge.canonical import Unpacker
from reprobox.judge.content import Unreadable
from reprobox.judge.look import look
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileVerdict

Looked = Callable[[str, bytes, bytes], FileVerdict]


@pytest.fixture
def looked(tmp_path: Path) -> Looked:
    """The verdict of two files of one name under rule `content`."""

    def answer(name: str, left: bytes, right: bytes) -> FileVerdict:
        for side, data in (("left", left), ("right", right)):
            (tmp_path / side).mkdir(exist_ok=True)
            (tmp_path / side / name).write_bytes(data)
        return look(tmp_path / "left" / name, tmp_path / "right" / name, OutputRule(pattern="*", compare="content"))

    return answer


# ---- containers


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", major: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.devmajor = kind, link, major
    return info


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    file = io.BytesIO()
    names = [name if isinstance(name, str) else name.filename for name, _ in members]
    warned = pytest.warns(UserWarning, match="Duplicate name") if len(set(names)) < len(names) else contextlib.nullcontext()
    with warned, zipfile.ZipFile(file, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    "pack", [lambda *names: tarred(*((entry(n), b"x") for n in names)), lambda *n: zipped(*((m, b"x") for m in n))]
)
def test_a_container_of_too_many_members_is_not_read_in_part(tmp_path: Path, pack: Callable[..., bytes]) -> None:
    (tmp_path / "file").write_bytes(pack("a", "b", "c"))
    for number, members in enumerate((3, 2)):
        (tmp_path / str(number)).mkdir()
        unpacker = Unpacker(tmp_path / str(number), 1 << 20, members)
        if members == 3:
            assert "c!line 1" in unpacker.read(tmp_path / "file", "file").leaves
        else:
            with pytest.raises(Unreadable, match="more members"):
                unpacker.read(tmp_path / "file", "file")


LINKS = [
    ("link!", entry("link", tarfile.SYMTYPE, "a"), entry("link", tarfile.SYMTYPE, "b")),
    ("link!", entry("link", tarfile.LNKTYPE, "a"), entry("link", tarfile.LNKTYPE, "b")),
    ("link!", entry("link", tarfile.SYMTYPE, "a"), entry("link", tarfile.LNKTYPE, "a")),
    ("d!", entry("d", tarfile.DIRTYPE), entry("d", tarfile.FIFOTYPE)),
    ("d!", entry("d", tarfile.CHRTYPE, major=1), entry("d", tarfile.CHRTYPE, major=2)),
]


@pytest.mark.parametrize(("name", "left", "right"), LINKS)
def test_a_member_that_is_no_file_counts_too(looked: Looked, name: str, left: tarfile.TarInfo, right: tarfile.TarInfo) -> None:
    files = (entry("a"), b"1"), (entry("b"), b"2")
    found = looked("x.tar", tarred(*files, (left, b"")), tarred(*files, (right, b"")))
    assert (found.state, found.detail["first"]["name"]) == ("different", name)
    absent = looked("x.tar", tarred(*files, (left, b"")), tarred(*files))
    assert (absent.state, absent.detail["missing"]) == ("different", [name])


def test_links_and_directories_of_a_zip_count_too(looked: Looked) -> None:
    def link() -> zipfile.ZipInfo:
        info = zipfile.ZipInfo("l")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        return info

    assert looked("x.zip", zipped((link(), b"a")), zipped((link(), b"b"))).detail["first"]["left"] == "link to a"
    assert looked("x.zip", zipped((link(), b"a")), zipped(("l", b"a"))).state == "different"
    assert looked("x.zip", zipped(("a", b"1"), ("d/", b"")), zipped(("a", b"1"))).detail["missing"] == ["d/!"]


@pytest.mark.parametrize("make", [lambda *m: tarred(*((entry(n), d) for n, d in m)), zipped])
def test_two_members_of_one_name_are_not_checked(looked: Looked, make: Callable[..., bytes]) -> None:
    found = looked("x.bin", make(("a", b"1"), ("a", b"2")), make(("a", b"9"), ("a", b"2")))
    assert (found.state, found.detail["why"].partition(":")[0]) == ("not-checked", "two values of one name")


def test_a_member_is_not_taken_for_a_member_of_a_member(looked: Looked) -> None:
    inner = zipped(("b", b"x"))
    assert looked("x.zip", zipped(("a", inner)), zipped(("a!b", b"x"))).state == "different"
    both = zipped(("a", inner), ("a!b", b"1")), zipped(("a", inner), ("a!b", b"2"))
    assert looked("x.zip", *both).detail["first"]["name"] == '"a!b"!line 1'


def test_a_member_of_another_format_differs(looked: Looked) -> None:
    array, file = np.arange(3.0), io.BytesIO()
    np.save(file, array)
    found = looked("x.zip", zipped(("m", file.getvalue())), zipped(("m", pickle.dumps({"array": array}))))
    assert (found.state, found.detail["first"]) == ("different", {"name": "m!", "left": "npy", "right": "pickle"})
