"""`reprobox replay`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_an_unknown_run(desk: Desk) -> None:
    found = desk("replay", "nosuch", "--json")
    assert (found.code, found.json()["code"]) == (50, 50)
    assert found.err.startswith("error: there is no run 'nosuch'")
    assert len(desk("ls", "--json").json()) == 2, "nothing was recorded"
