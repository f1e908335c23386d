"""`reprobox tag`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_tags_come_and_go(desk: Desk) -> None:
    assert desk("tag", "first", "a", "b").out == f"{desk.first}\n"
    assert [row["id"] for row in desk("ls", "--tag", "a", "--json").json()] == [desk.first]
    assert desk("tag", "--remove", "first", "a", "--json").json() == {
        "id": desk.first,
        "tags": ["a"],
        "removed": True,
    }
    assert desk("ls", "--tag", "a", "--json").json() == []
