"""`reprobox artifact`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_runs_must_be_named(desk: Desk) -> None:
    assert desk("artifact").code == 2
    assert desk("artifact", "nosuch", "-o", "there").code == 50
    assert not (desk.top / "there").exists()
