"""`reprobox attest`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_an_unknown_run(desk: Desk) -> None:
    assert desk("attest", "nosuch").code == 50
