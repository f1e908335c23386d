"""Sides of a comparison of outputs, without a store."""

from __future__ import annotations

from typing import Any

from harness_runs import a_record, a_runspec, an_intent

from reprobox.judge.output_files import Side
from reprobox.model.outcome import OutputFile
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import Verdict


def side(*outputs: OutputFile, rules: tuple[OutputRule, ...] = (), **changes: Any) -> Side:
    intent = an_intent(runspec=a_runspec(outputs=rules))
    return Side(
        record=a_record(intent, outputs, **changes), digest="sha256:" + "0" * 64, outputs=outputs
    )


def states(verdict: Verdict) -> dict[str, str]:
    return {file.path: file.state for file in verdict.files}
