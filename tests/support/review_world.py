"""What reviewers are given of a run with a replay that differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from attest_world import a_record, a_verdict

from reprobox.attest.review import facts
from reprobox.attest.review.package import About
from reprobox.model.claims import Checked
from reprobox.model.verdict import Class, FileState, FileVerdict

ABOUT = About(title="100 % of A & B: no", authors=("Ann: A", "Bö"), license="Apache-2.0")


CLAIM = Checked(name="acc_1", text="results/metrics.json#$.a >= 0.5", outcome="holds")


def some_facts(**changes: Any) -> facts.Facts:
    met = {"cpu": {"model_name": "CPU & Co"}, "memory": {"total": 8 << 30}, "peak_memory": 3 << 20}
    record = replace(a_record(name="my_run"), met=met)
    replay = a_record("20261121-101010-calm-heron-00aa", host={"name": "there", "user": "bo"})
    verdict = replace(
        a_verdict(record, replay),
        files=(
            FileVerdict(path="model.pt", state=FileState.IDENTICAL),
            FileVerdict(path="log", state=FileState.DIFFERENT),
        ),
        result=Class.DIFFERENT,
    )
    made = facts.of(record, ("model.pt", "log#1"), (CLAIM,), (facts.replayed(verdict, replay),))
    return replace(made, **changes)
