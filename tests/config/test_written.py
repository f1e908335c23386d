"""Values that remember how the file wrote them."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.config import written


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("yes", "bool"),
        ("017", "int"),
        ("1e-3", "str"),
        ("2026-01-01", "timestamp"),
        ("a", "str"),
        ("", "null"),
        ("1:30", "int"),
    ],
)
def test_what_a_reader_of_yaml_1_1_takes_a_word_for(text: str, kind: str) -> None:
    assert written.kind(text) == kind


@pytest.mark.parametrize(
    ("text", "style", "value", "remembers"),
    [
        ("1e-3", None, 0.001, True),
        ("0.001", None, 0.001, False),
        ("yes", None, "yes", True),
        ("word", None, "word", False),
        ("word", '"', "word", True),
        ("1", '"', "1", True),
        ("true", None, True, False),
        ("0x1F", None, 31, True),
    ],
)
def test_a_scalar_remembers_its_text_where_it_matters(
    text: str, style: str | None, value: Any, remembers: bool
) -> None:
    found = written.marked(text, style)
    assert found == value
    assert isinstance(found, written.Written) is remembers
    if remembers:
        assert (found.text, found.style) == (text, style)
    assert type(written.plain(found)) is type(value)


def test_values_without_their_marks_all_the_way_down() -> None:
    found = written.plain({written.marked("yes", None): [written.marked("1e-3", None), None, True]})
    assert found == {"yes": [0.001, None, True]}
    assert [type(one) for one in found["yes"]] == [float, type(None), bool]
    assert [type(key) for key in found] == [str]


def test_what_is_text_to_readers_of_both_versions() -> None:
    assert written.holds_text(written.marked("yes", '"'))
    assert not written.holds_text(written.marked("yes", None))
    assert written.holds_text("word")
    assert not written.holds_text(3)


@pytest.mark.parametrize(
    ("old", "new", "result", "type_"),
    [
        (("yes", None), ("no", None), "no", written.WrittenText),
        (("word", None), ("no", None), "no", str),
        (("4e15", None), ("3e15", None), 3e15, written.WrittenFloat),
        (("yes", '"'), ("no", None), "no", str),
    ],
)
def test_an_override_is_what_an_editor_would_have_made_of_it(
    old: tuple[str, str | None], new: tuple[str, str | None], result: Any, type_: type
) -> None:
    found = written.in_place_of(written.marked(*old), written.marked(*new))
    assert (found, type(found)) == (result, type_)
