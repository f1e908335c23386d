"""`regex` does what `re.compile` does, later."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from reprobox.kit.regex import regex


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, int]]:
    """What was compiled, with its flags."""
    found: list[tuple[Any, int]] = []
    real = re.compile

    def counting(pattern: Any, flags: int = 0) -> Any:
        found.append((pattern, flags))
        return real(pattern, flags)

    monkeypatch.setattr(re, "compile", counting)
    return found


def test_an_expression_is_compiled_when_it_is_used(compiled: list[tuple[Any, int]]) -> None:
    word = regex(r"([a-z]+)-(?P<number>\d+)", re.IGNORECASE)
    assert word.pattern == r"([a-z]+)-(?P<number>\d+)"
    assert compiled == []
    found = word.fullmatch("Ab-12")
    assert found is not None
    assert (found[1], found["number"]) == ("Ab", "12")
    assert word.fullmatch("ab") is None
    assert compiled == [(word.pattern, re.IGNORECASE)], "further calls cost no look"


def test_it_has_the_methods_of_the_library() -> None:
    text, real = "a1 b22 c333", re.compile(r"[a-z](\d+)")
    late = regex(r"[a-z](\d+)")
    assert late.findall(text) == real.findall(text)
    assert late.sub(r"<\1>", text) == real.sub(r"<\1>", text)
    assert late.split(text) == real.split(text)
    assert [one.span() for one in late.finditer(text)] == [o.span() for o in real.finditer(text)]
    assert (late.groups, late.groupindex, late.flags) == (real.groups, {}, real.flags)
    assert regex(rb"\d+").search(b"ab12") is not None
    assert copy.copy(late).findall(text) == real.findall(text)


def test_a_wrong_expression_is_an_error_when_it_is_used() -> None:
    wrong = regex("(")
    with pytest.raises(re.error, match="unterminated"):
        wrong.match("a")
