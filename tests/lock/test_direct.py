"""Requirements that name a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.lock import direct


@pytest.mark.parametrize("line", ["alpha", "-r x.txt", "alpha @ git+https://h.invalid/a", "./no"])
def test_lines_that_name_no_place(line: str, tmp_path: Path) -> None:
    assert direct.place_of(line, tmp_path) is None
