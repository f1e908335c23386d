"""`reprobox image`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_the_group_shows_its_commands(desk: Desk) -> None:
    found = desk("image")
    assert found.code == 2
    assert "diff" in found.out + found.err
    assert desk("image", "diff", "only-one").code == 2
