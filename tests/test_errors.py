"""Errors: an exit code each, and text that says what, why and what to do next."""

from __future__ import annotations

import inspect

import pytest

from reprobox import errors
from reprobox.errors import ReproboxError, StoreError

KINDS = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, ReproboxError)
]


def test_exit_codes_are_unique_and_no_other_program_s() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert not {0, 1, 125, 126, 127, 130} & set(codes)
    assert all(0 < code < 128 for code in codes)
    assert all(kind.__doc__ for kind in KINDS)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (StoreError("a"), "a"),
        (StoreError("a", why="b"), "a\nb"),
        (StoreError("a", next_step="c"), "a\nnext: c"),
        (StoreError("a", why="b\nc", next_step="d"), "a\nb\nc\nnext: d"),
    ],
)
def test_the_text_of_an_error(error: StoreError, text: str) -> None:
    assert str(error) == text
    assert error.args == ("a",)
