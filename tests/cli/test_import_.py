"""`reprobox import`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_a_file_that_is_not_there_and_one_that_is_not_a_bundle(desk: Desk) -> None:
    absent = desk("import", "nofile")
    assert (absent.code, absent.err.splitlines()[0]) == (2, "error: cannot read nofile")
    (desk.top / "text").write_text("not a bundle\n" * 100)
    wrong = desk("import", "text")
    assert wrong.code not in (0, 2)
    assert "next: " in wrong.err
    assert len(desk("ls", "--json").json()) == 2
