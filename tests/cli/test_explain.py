"""`reprobox explain`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_an_unknown_run(desk: Desk) -> None:
    assert desk("explain", "first", "nosuch").code == 50
    assert desk("explain", "first").code == 2
    assert len(desk("ls", "--json").json()) == 2, "nothing was recorded"
