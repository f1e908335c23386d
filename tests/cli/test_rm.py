"""`reprobox rm`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_what_is_removed_can_be_restored(desk: Desk) -> None:
    assert desk("rm", "--yes", "first").code == 0
    assert [row["id"] for row in desk("ls", "--json").json()] == [desk.second]
    assert desk("rm", "--undo", desk.first).code == 0
    assert {row["id"] for row in desk("ls", "--json").json()} == {desk.first, desk.second}


def test_no_run_is_named(desk: Desk) -> None:
    found = desk("rm", "--undo")
    assert (found.code, "no run was named" in found.err) == (2, True)
