"""`reprobox export`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_json_and_the_bundle_cannot_both_go_to_stdout(desk: Desk) -> None:
    found = desk("export", "first", "-o", "-", "--json")
    assert (found.code, found.json()["code"]) == (2, 2)
    assert "cannot both go to stdout" in found.err


def test_an_unknown_run_makes_no_file(desk: Desk) -> None:
    assert desk("export", "nosuch", "-o", "x.rbx").code == 50
    assert not (desk.top / "x.rbx").exists()
