"""`reprobox ls`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_the_newest_first_and_filters(desk: Desk) -> None:
    assert [row["id"] for row in desk("ls", "--json").json()] == [desk.second, desk.first]
    assert [row["id"] for row in desk("ls", "--name", "first", "--json").json()] == [desk.first]
    assert desk("ls").out.split()[0] == "run"


def test_a_column_of_a_metric(desk: Desk) -> None:
    lines = desk("ls", "--columns", "loss", "--csv").out.splitlines()
    assert "loss" in lines[0]
