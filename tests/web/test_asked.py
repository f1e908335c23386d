"""What a page is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from reprobox.context import Context
from reprobox.web.asked import Asked, Silence
from reprobox.web.links import ServerLinks


def asked(**query: Sequence[str]) -> Asked:
    found: Mapping[str, Sequence[str]] = query
    context = Context(start=Path("/nowhere"), progress=Silence())
    return Asked(context=context, links=ServerLinks(), query=found)


def test_the_last_value_counts_and_empty_ones_are_not_there() -> None:
    one = asked(sort=["run", "-took"], where=["a > 1", " ", "", "b"])
    assert one.one("sort") == "-took"
    assert one.one("absent", "x") == "x"
    assert one.all("where") == ["a > 1", "b"]
    assert one.all("absent") == []


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("0", 1), ("-2", 1), ("", 1), ("x", 1), ("9" * 50, 1), ("1.5", 1), ("²", 1)],
)
def test_anything_but_a_number_is_the_first_page(text: str, number: int) -> None:
    assert asked(page=[text]).number("page") == number


def test_progress_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Silence().task("reading", 3) as bar:
        bar.update(1, "one")
    Silence().note("text")
    assert capsys.readouterr() == ("", "")
