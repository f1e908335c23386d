"""`reprobox verify-all`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_no_run_matches(desk: Desk) -> None:
    found = desk("verify-all", "--tag", "nosuch")
    assert "no runs match" in found.out
