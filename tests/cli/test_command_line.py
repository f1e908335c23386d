"""Options of every command."""

from __future__ import annotations

from desk import Desk


def test_a_directory_that_is_not_there(desk: Desk) -> None:
    found = desk("-C", "nowhere", "ls")
    assert (found.code, found.out) == (2, "")
    assert "the directory nowhere cannot be entered" in found.err
