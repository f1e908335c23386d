"""What happens to a command line before a command reads it."""

from __future__ import annotations

import pytest

from reprobox.cli import process


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
    assert process._hoisted(typed) == read
