"""`reprobox push`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_an_unknown_run_makes_no_store(desk: Desk) -> None:
    assert desk("push", "nosuch", "--to", str(desk.top / "store")).code == 50
    assert desk("pull", "--from", str(desk.top / "store")).code != 0


def test_the_place_must_be_given(desk: Desk) -> None:
    assert desk("push", "first").code == 2
