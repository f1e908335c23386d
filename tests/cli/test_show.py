"""`reprobox show`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_one_run_for_people_and_for_programs(desk: Desk) -> None:
    shown = desk("show", "first")
    assert shown.code == 0
    assert shown.out.splitlines()[0].split()[:3] == ["run", desk.first, "first"]
    found = desk("show", desk.first, "--json").json()
    assert (found["id"], found["name"], found["metrics"]) == (desk.first, "first", {"loss": 0.5})
    assert [file["path"] for file in found["outputs"]] == ["loss.json", "weights.txt"]


def test_without_a_run_it_is_the_latest(desk: Desk) -> None:
    assert desk("show", "--json").json()["id"] == desk.second
