"""Exit codes of runs: what a command that follows the run answers."""

from __future__ import annotations

import pytest

from reprobox.model.outcome import Exit, Reason


@pytest.mark.parametrize(
    ("reason", "code", "status", "shown", "by_the_moment"),
    [
        ("exited", 0, 0, 0, False),
        ("exited", 3, 3, 3, False),
        ("timeout", 0, 124, 124, True),
        ("interrupted", 0, 130, 0, True),
        ("engine", 0, 125, 0, True),
        ("lost", 0, 125, 0, True),
        ("signal", 139, 139, 139, False),
    ],
)
def test_a_program_that_was_ended_from_outside_never_answers_zero(
    reason: Reason, code: int, status: int, shown: int, *, by_the_moment: bool
) -> None:
    found = Exit(code=code, reason=reason)
    assert (found.status, found.shown, found.by_the_moment) == (status, shown, by_the_moment)
