"""`reprobox judge`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_a_verdict_under_another_rule_is_kept_with_the_second_run(desk: Desk) -> None:
    assert desk("judge", "first", "second").code == 1
    found = desk("judge", "first", "second", "--rule", "loss.json: ignore", "--json")
    assert (found.code, found.json()["left"], found.json()["right"]) == (
        0,
        desk.first,
        desk.second,
    )
    kept = list(desk.context.runs.verdicts(desk.second))
    assert len(kept) == 2
