"""A row of the table of formats: what decides, and what a reader says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.judge.formats.format import Format, Head, library
from reprobox.judge.leaves import Unreadable
from reprobox.version import __version__


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.tar.gz", ".gz"), ("plain", ""), (".hidden", ".hidden"), ("a.", ".")]
)
def test_the_ending_of_a_name(name: str, suffix: str) -> None:
    assert Head(first=b"", name=name, size=0, path=Path(name)).suffix == suffix


def made(**said: str) -> Format:
    return Format(
        name="x", files=".x", claims=lambda _: True, read=lambda file: file.content("x"), **said
    )


def test_a_reader_names_the_version_of_what_decided() -> None:
    import numpy

    assert made().reader() == f"x: reprobox {__version__}"
    assert made(library="numpy").reader() == f"x: numpy {numpy.__version__}"


def test_a_library_that_is_absent_is_named_with_the_extra_that_brings_it() -> None:
    assert library("json", "JSON", "none").loads("1") == 1
    with pytest.raises(Unreadable, match=r"Arrow is read through absent, .*reprobox\[parquet\]"):
        library("absent.part", "Arrow", "parquet")
