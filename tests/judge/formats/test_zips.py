"""zip: every byte is accounted for, and a file of which two readings exist is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from file_contents import content_of, opened, plain, rest

from reprobox.judge.formats import zips
from reprobox.judge.formats.format import Head
from reprobox.judge.leaves import Unreadable


def zipped(
    *members: tuple[str, bytes], method: int = zipfile.ZIP_STORED, comment: bytes = b""
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
        archive.comment = comment
    return out.getvalue()


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("method", METHODS)
def test_a_member_s_bytes_whichever_way_they_are_packed(tmp_path: Path, method: int) -> None:
    data = b"text " * 500
    content = content_of(tmp_path, "a.zip", zipped(("m", data), method=method))
    assert plain(content) == {"m!": "text", "m!line 1": data.decode()}
    assert rest(content) == []
    archive = zips.Zip(opened(tmp_path, "a.zip", zipped(("m", data), method=method)))
    assert (archive.names, archive.read("m")) == (["m"], data)
    assert (archive.stored(archive.info("m")) is None) == (method != zipfile.ZIP_STORED)
    with pytest.raises(Unreadable, match="without its other"):
        archive.info("other")


def test_where_a_stored_member_stands(tmp_path: Path) -> None:
    data = zipped(("m", b"payload"))
    archive = zips.Zip(opened(tmp_path, "a.zip", data))
    assert archive.stored(archive.info("m")) == data.index(b"payload")


def test_a_comment_is_rest(tmp_path: Path) -> None:
    data = zipped(("m", b"1"), comment=b"note")
    assert rest(content_of(tmp_path, "a.zip", data)) == [(len(data) - 4, 4)]


def changed(data: bytes, place: int, value: int) -> bytes:
    return data[:place] + bytes([value]) + data[place + 1 :]


PLAIN = zipped(("m", b"payload"))
DIRECTORY = PLAIN.index(b"PK\1\2")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (changed(PLAIN, PLAIN.index(b"payload"), 0), "wrong checksum"),
        (changed(changed(PLAIN, 6, 1), DIRECTORY + 8, 1), "encrypted"),
        (changed(PLAIN, 30, ord("n")), "two headers that do not agree"),
        (changed(PLAIN, 18, 6), "two sizes that do not agree"),
        (changed(changed(PLAIN, 8, 99), DIRECTORY + 10, 99), "method 99"),
        (PLAIN[:-4], "damaged zip"),
        (PLAIN[:-22] + b"gap" + PLAIN[-22:], "damaged zip"),
    ],
)
def test_two_readings_of_one_file_are_refused(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        content_of(tmp_path, "a.zip", data)


def test_names_are_for_recognising_only(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(zipped(("a", b""), ("b/", b"")))
    head = Head(first=b"PK\3\4", name="f", size=0, path=tmp_path / "f")
    assert (zips.is_zip(head), zips.names(head)) == (True, ["a", "b/"])
    (tmp_path / "f").write_bytes(b"PK\3\4")
    assert zips.names(head) == []
