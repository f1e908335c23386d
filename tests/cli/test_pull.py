"""`reprobox pull`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_a_store_that_is_not_there(desk: Desk) -> None:
    found = desk("pull", "--from", str(desk.top / "nostore"))
    assert (found.code, found.out) == (52, "")
    assert f"there is no store at {desk.top}/nostore" in found.err
    assert not (desk.top / "nostore").exists()


def test_the_place_must_be_given(desk: Desk) -> None:
    assert desk("pull").code == 2
