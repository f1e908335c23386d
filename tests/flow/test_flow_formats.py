"""A run in somebody else's format, where it cannot be written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
from harness_runs import a_finished_run

from reprobox.cli.talk import Talk
from reprobox.errors import UsageError
from reprobox.flow import statements
from reprobox.flow.box import Box


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    box = Box(start=tmp_path, progress=Talk(quiet=True, color=False, debug=False), _top=tmp_path)
    run = a_finished_run(box.runs)
    with pytest.raises(UsageError, match="no directory"):
        statements.export_format(box, run, "intoto", tmp_path / "nowhere" / "x.json")
    for force in (False, True):
        statements.export_format(box, run, "intoto", tmp_path / "x.json", force=force)
    assert (tmp_path / "x.json").read_bytes().startswith(b"{")
