"""Verdicts next to a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness_runs import EMPTY, a_finished_run

from reprobox.errors import RunNotFound
from reprobox.model.verdict import Class, Verdict
from reprobox.store.runs import Runs


def test_verdicts_are_numbered_and_never_replaced(runs: Runs) -> None:
    run_id = a_finished_run(runs)
    verdict = Verdict(
        left=run_id,
        right=run_id,
        left_record=EMPTY,
        right_record=EMPTY,
        result=Class.IDENTICAL,
        files=(),
        exit_equal=True,
    )
    paths = [
        runs.add_verdict(run_id, replace(verdict, checked=float(number))) for number in range(12)
    ]
    assert [path.name for path in paths[:2]] == ["0001.json", "0002.json"]
    assert [found.checked for found in runs.verdicts(run_id)] == [
        float(number) for number in range(12)
    ]
    paths[3].unlink()
    assert runs.add_verdict(run_id, verdict).name == "0013.json"
    with pytest.raises(RunNotFound):
        runs.add_verdict(runs.new_id(), verdict)
