"""`reprobox worker`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_a_store_must_be_given_and_must_exist(desk: Desk) -> None:
    assert desk("worker").code == 2
    found = desk("worker", str(desk.top / "nostore"), "1")
    assert found.code != 0
    assert not (desk.top / "nostore").exists()
