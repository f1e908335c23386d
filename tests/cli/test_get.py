"""`reprobox get`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_outputs_are_copied_by_pattern_and_nothing_is_replaced(desk: Desk) -> None:
    assert desk("get", "first", "*.txt", "-o", "there").out == "there/weights.txt\n"
    assert (desk.top / "there/weights.txt").read_bytes() == b"0.5\n"
    (desk.top / "there/weights.txt").write_bytes(b"mine")
    again = desk("get", "first", "*.txt", "-o", "there")
    assert again.code != 0
    assert (desk.top / "there/weights.txt").read_bytes() == b"mine"


def test_a_pattern_that_matches_no_output(desk: Desk) -> None:
    found = desk("get", "first", "*.pt", "-o", "there")
    assert found.code != 0
    assert "*.pt" in found.err
