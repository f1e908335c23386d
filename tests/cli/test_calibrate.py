"""`reprobox calibrate`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_an_unknown_run_is_not_run(desk: Desk) -> None:
    assert desk("calibrate", "nosuch").code == 50
    assert len(desk("ls", "--json").json()) == 2
