"""Options of every command."""

from __future__ import annotations

import pytest
from desk import Desk

from reprobox.cli import command_line


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["run", "-q"], ["-q", "run"]),
        (["run", "--", "-q"], ["run", "--", "-q"]),
        (["ls", "--json"], ["ls", "--json"]),
        ([], []),
    ],
)
def test_options_of_every_command_are_taken_after_it_too(typed: list[str], read: list[str]) -> None:
    assert command_line._hoisted(typed) == read


def test_a_directory_that_is_not_there(desk: Desk) -> None:
    found = desk("-C", "nowhere", "ls")
    assert (found.code, found.out) == (2, "")
    assert "the directory nowhere cannot be entered" in found.err
