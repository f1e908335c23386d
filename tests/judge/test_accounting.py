"""Where each byte of a file went: what nobody accounts for is its rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_contents import opened, rest

from reprobox.judge.content import Span
from reprobox.judge.leaves import Rows, Unreadable
from reprobox.kit import canon


def test_what_is_neither_read_nor_left_out_is_rest(tmp_path: Path) -> None:
    file = opened(tmp_path, "a", b"0123456789")
    file.read(1, 3)
    file.leave_out("time", 2, 5)
    file.leave_out("nothing", 7, 7)
    file.read(8, 9)
    content = file.content("x")
    assert rest(content) == [(0, 1), (5, 3), (9, 1)]
    assert content.left_out == (Span(start=2, end=5, key="time"),)
    assert f"sha256:{content.rest[1].sha256}" == canon.digest_bytes(b"567")


def test_a_file_that_was_read_whole_has_no_rest_and_an_empty_one_has_none(tmp_path: Path) -> None:
    file = opened(tmp_path, "a", b"0123")
    file.read_all()
    assert rest(file.content("x")) == []
    empty = opened(tmp_path, "a", b"")
    assert (empty.data, empty.size, rest(empty.content("x"))) == (b"", 0, [])


def test_leaves_have_one_name_each(tmp_path: Path) -> None:
    file = opened(tmp_path, "a", b"0123")
    file.put("a[1]", 1)
    with pytest.raises(Unreadable, match=r"two values of one name: a\[1\]"):
        file.put_rows("a", Rows(["x", "y"]))
    assert bytes(file.data[1:3]) == b"12"
    assert dict(file.content("x", {"other": 2}).leaves) == {"other": 2}
