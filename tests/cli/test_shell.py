"""`reprobox shell`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_a_shell_needs_a_terminal(desk: Desk) -> None:
    found = desk("shell", "first")
    assert (found.code, found.out) == (2, "")
    assert "a shell needs a terminal" in found.err
