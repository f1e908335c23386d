"""`reprobox sweep`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_an_axis_without_a_lock_starts_nothing(desk: Desk) -> None:
    desk("init")
    found = desk("sweep", "lr=1,2")
    assert (found.code, found.out) == (20, "")
    assert found.err.splitlines()[-1] == "next: reprobox lock config.yaml"
    assert len(desk("ls", "--json").json()) == 2
