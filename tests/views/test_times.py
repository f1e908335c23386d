"""Durations and moments in words."""

from __future__ import annotations

import pytest
from harness_runs import a_record, an_intent

from reprobox.model.record import UNKNOWN
from reprobox.views import times


def test_durations() -> None:
    assert [times.took(one) for one in (None, UNKNOWN, 1.25, 3600.0)] == [
        "",
        "unknown",
        "1.2 s",
        "3600.0 s",
    ]
    assert times.lasted(a_record(an_intent(), duration=2.0)) == "after 2.0 s"
    assert times.lasted(a_record(an_intent(), duration=UNKNOWN)) == "after an unknown time"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "1970-01-01 00:00:00"), (1e30, "1e+30 s after 1970")]
)
def test_moments(seconds: float, text: str) -> None:
    assert times.when(seconds) == text
