"""What a statement is made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from attest_world import a_record, a_verdict, d

from reprobox.attest.subject import Judged, Subject
from reprobox.errors import UsageError


def a_subject(**intent: object) -> Subject:
    return Subject(
        record=a_record(**intent),
        digest=d("record"),
        outputs=(),
        directory=Path("/nowhere"),  # type: ignore[arg-type]
    )


def test_a_run_without_a_name_is_called_by_its_id() -> None:
    assert a_subject().title == "reprobox run 20261120-153012-brave-otter-3f9c"
    assert a_subject(name="baseline").title == "baseline"


def test_without_a_verdict_the_next_step_is_a_replay() -> None:
    one = a_subject()
    with pytest.raises(UsageError, match="has no verdict") as caught:
        one.require_verdict()
    assert caught.value.next_step.startswith(f"reprobox replay {one.record.id}")
    judged = Judged(original=one.record, verdict=a_verdict(one.record, one.record))
    assert replace(one, judged=judged).require_verdict() is judged
