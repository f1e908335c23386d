"""Members of containers: all of them count, under names that cannot be confused, within limits."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from file_contents import opened

from reprobox.judge.formats.archives import Members, keep, keep_all
from reprobox.judge.leaves import Unreadable


def test_unpacked_bytes_are_counted_whichever_way_they_come(tmp_path: Path) -> None:
    file = opened(tmp_path, "a", b"", limit=10)
    first = keep(file, io.BytesIO(b"12345"))
    second = keep_all(file, [b"67", b"89"])
    assert (first.read_bytes(), second.read_bytes(), file.inside.left()) == (b"12345", b"6789", 1)
    assert first != second
    with pytest.raises(Unreadable, match="unpacks to more"):
        keep_all(file, iter([b"ab"]))


def test_members_are_sorted_unless_their_order_counts(tmp_path: Path) -> None:
    members = Members(opened(tmp_path, "a", b""))
    members.add("b", "directory")
    members.add("a", "link to b")
    members.say("<comment>", "c")
    assert list(members.content("tar").leaves) == ["<comment>", "a!", "b!"]
    assert list(members.content("tar", ordered=True).leaves) == ["b!", "a!", "<comment>"]


@pytest.mark.parametrize(
    ("member", "name"), [("a!b", '"a!b"!'), ('"a', '"\\"a"!'), ("a b", "a b!")]
)
def test_a_member_that_could_be_taken_for_another_is_quoted(
    tmp_path: Path, member: str, name: str
) -> None:
    members = Members(opened(tmp_path, "a", b""))
    members.add(member, "directory")
    assert list(members.content("tar").leaves) == [name]


def test_a_member_that_no_reader_can_read_is_told_by_its_digest(tmp_path: Path) -> None:
    members = Members(opened(tmp_path, "a", b""))
    for name, data in (("a.json", b"{"), ("b.json", b"[]")):
        (tmp_path / name).write_bytes(data)
        members.add(name, tmp_path / name)
    found = members.content("zip").leaves
    assert str(found["a.json!"]).endswith("(1 bytes)")
    assert (found["b.json!"], found["b.json!$[]"]) == ("json", "empty")


def test_a_container_four_levels_deep_is_not_read(tmp_path: Path) -> None:
    Members(opened(tmp_path, "a", b"", depth=2))
    with pytest.raises(Unreadable, match="containers within containers"):
        Members(opened(tmp_path, "a", b"", depth=3))


def test_bytes_behind_a_member_s_end_are_rest_under_its_name(tmp_path: Path) -> None:
    members = Members(opened(tmp_path, "a", b""))
    data = gzip.compress(b"x")
    (tmp_path / "blob").write_bytes(data + b"more")
    members.add("m.gz", tmp_path / "blob")
    assert [(one.member, one.offset) for one in members.content("zip").rest] == [
        ("m.gz!", len(data))
    ]
