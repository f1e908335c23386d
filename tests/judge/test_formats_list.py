"""The tables of docs/determinism.md: every format, what is left out of it, what is not checked."""

from __future__ import annotations

from reprobox.judge import formats_list
from reprobox.judge.formats.registry import FORMATS


def cells(table: str) -> dict[str, list[str]]:
    rows = [line.strip("| \n").split(" | ") for line in table.splitlines()]
    return {row[0]: row[1:] for row in rows[2:]}


def test_every_format_has_its_row() -> None:
    names = [one.name for one in FORMATS]
    assert list(cells(formats_list.readers([]))) == names
    assert list(cells(formats_list.left_out())) == names
    assert list(cells(formats_list.not_checked())) == ["any", *names]


def test_a_library_is_named_with_its_oldest_version_and_the_extra_that_brings_it() -> None:
    found = cells(formats_list.readers(["pyarrow >= 14", "PyYAML>=6.0; python_version > '3'", "x"]))
    assert found["arrow"][-1] == "pyarrow 14 or newer (`reprobox[parquet]`)"
    assert found["yaml"][-1] == "PyYAML 6.0 or newer"
    assert (found["json"][-1], found["sqlite"][-1]) == ("none", "Python's own")


def test_what_is_left_out_is_what_the_reader_says() -> None:
    found = cells(formats_list.left_out())
    assert "time, system and level in the header" in found["gzip"][0]
    assert found["text"] == ["nothing"]
