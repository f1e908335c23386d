"""verify --deep over many runs: what they share is read once."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
from harness_runs import NOW, a_finished_run

from reprobox.cli.talk import Talk
from reprobox.flow.box import Box
from reprobox.flow.deep import Deep


def test_the_log_of_records_is_read_once_for_all_runs(tmp_path: Path) -> None:
    box = Box(start=tmp_path, progress=Talk(quiet=True, color=False, debug=False), _top=tmp_path)
    records = [box.runs.record(a_finished_run(box.runs, now=NOW + number))[0] for number in range(3)]
    log = box.runs.root / "heads.log"
    below = Deep(box)
    assert below._chain(records[0]).damage == ()
    log.unlink()
    assert [below._chain(record).damage for record in records] == [(), (), ()]
    assert all("never announced" in Deep(box)._chain(record).damage[0] for record in records)
