"""Elements in which every text and attribute is escaped."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from reprobox.web.markup import element


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (element("p", None, "<b>&"), "<p>&lt;b&gt;&amp;</p>"),
        (
            element("a", {"href": '"><script>', "id": None}, 1),
            '<a href="&#34;&gt;&lt;script&gt;">1</a>',
        ),
        (element("g", None, element("p", None, "x"), Markup("<i/>")), "<g><p>x</p><i/></g>"),
        (element("r", {"x": 1 / 3, "y": 10**9}), '<r x="0.333333" y="1000000000"></r>'),
    ],
)
def test_texts_are_escaped_and_markup_is_taken_as_it_is(made: Markup, text: str) -> None:
    assert str(made) == text
    assert isinstance(made, Markup)


def test_control_characters_are_written_out() -> None:
    made = str(element("p", {"title": "a\x1b[31m"}, "b\x07"))
    assert "\x1b" not in made
    assert "\x07" not in made
    assert "[31m" in made
