"""verify --deep over many runs: what they share is read once."""

from __future__ import annotations

from pathlib import Path

from harness_runs import NOW, a_finished_run

from reprobox.cli.messages import Talk
from reprobox.commands.shared.deep_verify import Deep
from reprobox.context import Context


def test_the_log_of_records_is_read_once_for_all_runs(tmp_path: Path) -> None:
    context = Context(
        start=tmp_path, progress=Talk(quiet=True, color=False, debug=False), _top=tmp_path
    )
    records = [
        context.runs.record(a_finished_run(context.runs, now=NOW + number))[0]
        for number in range(3)
    ]
    log = context.runs.root / "heads.log"
    below = Deep(context)
    assert below._chain(records[0]).damage == ()
    log.unlink()
    assert [below._chain(record).damage for record in records] == [(), (), ()]
    assert all("never announced" in Deep(context)._chain(record).damage[0] for record in records)
