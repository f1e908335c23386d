"""heads.log: a chain in which each line holds the digest of the line before."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.errors import StoreDamaged
from reprobox.kit import canon
from reprobox.store import heads


def three(root: Path) -> list[bytes]:
    heads.append(root, "a", "record", canon.digest_bytes(b"1"))
    heads.append(root, "b", "record", canon.digest_bytes(b"2"))
    heads.append(root, "a", "removed")
    return (root / "heads.log").read_bytes().splitlines(keepends=True)


def test_lines_are_read_in_their_order_and_the_last_of_a_run_counts(tmp_path: Path) -> None:
    assert list(heads.read(tmp_path)) == []
    three(tmp_path)
    found = list(heads.read(tmp_path))
    assert [(one.run, one.event) for one in found] == [
        ("a", "record"),
        ("b", "record"),
        ("a", "removed"),
    ]
    assert found[0].previous == heads.START
    last = heads.last(tmp_path, "a")
    assert last is not None
    assert (last.event, heads.last(tmp_path, "c")) == ("removed", None)


def test_a_digest_of_what_lies_on_the_disk_is_kept_where_it_is_another(tmp_path: Path) -> None:
    record, short = canon.digest_bytes(b"whole"), canon.digest_bytes(b"short")
    heads.append(tmp_path, "a", "record", record, short)
    heads.append(tmp_path, "b", "record", record, record)
    assert [one.short for one in heads.read(tmp_path)] == [short, ""]
    lines = (tmp_path / "heads.log").read_bytes().splitlines()
    assert [b"short" in line for line in lines] == [True, False]


@pytest.mark.parametrize("gone", [0, 1])
def test_a_line_that_was_taken_out_breaks_the_chain(tmp_path: Path, gone: int) -> None:
    lines = three(tmp_path)
    (tmp_path / "heads.log").write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    with pytest.raises(StoreDamaged, match="not one chain"):
        list(heads.read(tmp_path))


def test_a_changed_line_breaks_the_chain(tmp_path: Path) -> None:
    lines = three(tmp_path)
    changed = lines[0].replace(b'"run":"a"', b'"run":"x"')
    assert changed != lines[0]
    (tmp_path / "heads.log").write_bytes(changed + b"".join(lines[1:]))
    with pytest.raises(StoreDamaged):
        list(heads.read(tmp_path))


def test_a_last_line_that_a_crash_cut_off_is_as_if_never_written(tmp_path: Path) -> None:
    lines = three(tmp_path)
    (tmp_path / "heads.log").write_bytes(b"".join(lines[:2]) + lines[2][:20])
    assert len(list(heads.read(tmp_path))) == 2
    heads.append(tmp_path, "c", "record", canon.digest_bytes(b"3"))
    assert [one.run for one in heads.read(tmp_path)] == ["a", "b", "c"]
