"""Each thing that the page says is *not checked* has a pair of files that a reader did not check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from looking import look
from reader_pairs import RULE
from torch_python import formats_python

from reprobox.judge.formats.registry import FORMATS
from reprobox.kit import proc

PROGRAM = Path(__file__).parents[2] / "support" / "unchecked_program.py"


@pytest.mark.filterwarnings("ignore")
def test_each_row_of_what_is_not_checked_is_true(tmp_path: Path) -> None:
    done = proc.run([formats_python(), "-W", "ignore", PROGRAM, tmp_path])
    assert done.ok, done.error_text
    seen = set()
    for line in done.out.decode().splitlines():
        said = json.loads(line)
        row = (said["kind"], said["key"])
        left, right = map(Path, said["paths"])
        if row == ("sqlite", "wal"):
            Path(f"{right}-wal").write_bytes(b"rows")
        found = look(left, right, RULE, path=said["name"])
        assert (found.state, bool(found.detail.why)) == ("not-checked", True), (row, found)
        seen.add(row)
    rows = {(one.name, key) for one in FORMATS for key in one.not_checked}
    assert rows == seen
