"""A run in somebody else's format, where it cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness_runs import a_finished_run

from reprobox.cli.messages import Talk
from reprobox.commands import attest
from reprobox.context import Context
from reprobox.errors import UsageError


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    context = Context(
        start=tmp_path, progress=Talk(quiet=True, color=False, debug=False), _top=tmp_path
    )
    run = a_finished_run(context.runs)
    with pytest.raises(UsageError, match="no directory"):
        attest.export_format(context, run, "intoto", tmp_path / "nowhere" / "x.json")
    for force in (False, True):
        attest.export_format(context, run, "intoto", tmp_path / "x.json", force=force)
    assert (tmp_path / "x.json").read_bytes().startswith(b"{")
