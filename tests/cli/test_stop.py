"""`reprobox stop`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_a_run_that_has_ended_and_one_that_is_unknown(desk: Desk) -> None:
    before = desk("show", "first", "--json").json()
    ended = desk("stop", "first")
    assert desk("show", "first", "--json").json() == before, "the record stays as it was"
    assert (ended.out, desk("stop", "nosuch").code) == ("", 50)
    assert desk("stop", "--kill", "nosuch").err.startswith("error: there is no run 'nosuch'")
