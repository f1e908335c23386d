"""tar: members by name; which of several links holds the bytes is packing only."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from file_contents import content_of, plain, rest

from reprobox.judge.leaves import Unreadable


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_times_owners_and_order_are_left_out_and_every_byte_is_accounted_for(
    tmp_path: Path,
) -> None:
    late = entry("b")
    late.mtime, late.uid, late.mode = 99, 1000, 0o600
    one = content_of(tmp_path, "a.tar", tarred((entry("a"), b"1"), (entry("b"), b"2")))
    other = content_of(tmp_path, "a.tar", tarred((late, b"2"), (entry("a"), b"1")))
    assert (
        plain(one) == plain(other) == {"a!": "text", "a!line 1": "1", "b!": "text", "b!line 1": "2"}
    )
    assert rest(one) == []


def test_either_name_of_a_hard_link_may_hold_the_bytes(tmp_path: Path) -> None:
    sides = (
        tarred((entry("a"), b"1"), (entry("b", tarfile.LNKTYPE, "a"), b"")),
        tarred((entry("b"), b"1"), (entry("a", tarfile.LNKTYPE, "b"), b"")),
    )
    one, other = (plain(content_of(tmp_path, "a.tar", data)) for data in sides)
    assert one == other
    assert one["b!"] == "hard link to a"


def test_links_and_directories_say_what_they_are(tmp_path: Path) -> None:
    data = tarred(
        (entry("d", tarfile.DIRTYPE), b""),
        (entry("s", tarfile.SYMTYPE, "nowhere"), b""),
        (entry("h", tarfile.LNKTYPE, "absent"), b""),
    )
    assert plain(content_of(tmp_path, "a.tar", data)) == {
        "d!": "directory",
        "h!": "hard link to absent",
        "s!": "link to nowhere",
    }


def test_an_extended_header_that_says_more_is_a_leaf(tmp_path: Path) -> None:
    info = entry("a")
    info.pax_headers = {"SCHILY.xattr.user.x": "1"}
    found = plain(content_of(tmp_path, "a.tar", tarred((info, b""))))
    assert found["a!<SCHILY.xattr.user.x>"] == "1"


def test_padding_that_is_not_zero_is_rest(tmp_path: Path) -> None:
    data = bytearray(tarred((entry("a"), b"1")))
    data[512 + 100] = 1
    assert rest(content_of(tmp_path, "a.tar", bytes(data))) == [(513, 511)]


@pytest.mark.parametrize(
    ("keep", "more", "why"), [(1024, b"", "cut off"), (None, b"more" * 300, "behind its end")]
)
def test_a_tar_that_does_not_end_as_one_is_refused(
    tmp_path: Path, keep: int | None, more: bytes, why: str
) -> None:
    data = tarred((entry("a"), b"1"))[:keep] + more
    with pytest.raises(Unreadable, match=why):
        content_of(tmp_path, "a.tar", data)
