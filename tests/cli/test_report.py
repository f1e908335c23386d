"""`reprobox report`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_one_file_with_the_runs_that_were_asked_for(desk: Desk) -> None:
    found = desk("report", "first", "-o", "page.html", "--json").json()
    page = desk.top / "page.html"
    assert found == {"path": "page.html", "runs": [desk.first], "size": page.stat().st_size}
    assert desk.first in page.read_text()
    assert desk.second not in page.read_text()


def test_an_unknown_run_makes_no_page(desk: Desk) -> None:
    assert desk("report", "nosuch").code == 50
    assert not (desk.top / "report.html").exists()
