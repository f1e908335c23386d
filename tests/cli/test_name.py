"""`reprobox name`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_a_name_is_a_selector_until_it_is_taken_away(desk: Desk) -> None:
    assert desk("name", desk.first, "best").out == f"{desk.first}\n"
    assert desk("show", "best", "--json").json()["id"] == desk.first
    assert desk("name", "best", "", "--json").json() == {"id": desk.first, "name": ""}
    assert desk("show", "best").code == 50


def test_a_name_that_means_other_runs_is_refused(desk: Desk) -> None:
    refused = desk("name", "first", "latest")
    assert (refused.code, refused.out) == (2, "")
    assert "no run can be named 'latest'" in refused.err
