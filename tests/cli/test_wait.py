"""`reprobox wait`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_runs_that_have_ended_are_reported_at_once(desk: Desk) -> None:
    done = desk("wait", "first", "second", "--json")
    assert done.code == 0
    assert [(row["id"], row["exit_code"]) for row in done.json()] == [
        (desk.first, 0),
        (desk.second, 0),
    ]
    assert done.err.splitlines()[0].startswith(f"{desk.first}  ")


def test_an_unknown_run_is_named_before_any_is_waited_for(desk: Desk) -> None:
    done = desk("wait", "first", "nosuch")
    assert (done.code, done.out) == (50, "")
    assert desk.first not in done.err
