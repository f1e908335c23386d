"""The templates' environment: nothing is printed that is not escaped."""

from __future__ import annotations

import jinja2
import pytest
from markupsafe import Markup

from reprobox.web import templates


def printed(source: str, **facts: object) -> str:
    return templates.environment().from_string(source).render(**facts)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<script>", "&lt;script&gt;"),
        (None, ""),
        (Markup("<i/>"), "<i/>"),
        (3, "3"),
        ("a\x1b[2J", "a\\x1b[2J"),
    ],
)
def test_what_is_printed_for_a_value(value: object, text: str) -> None:
    assert printed("{{ value }}", value=value) == text


def test_a_fact_that_is_missing_is_an_error_and_not_an_empty_page() -> None:
    with pytest.raises(jinja2.UndefinedError):
        printed("{{ absent }}")


def test_every_template_can_be_read() -> None:
    made = templates.environment()
    names = made.list_templates()
    assert "runs.html" in names
    assert "run.html" in names
    for name in names:
        assert made.get_template(name).name == name


def test_files_that_are_served_are_those_of_the_package() -> None:
    assert b"{" in templates.static("page.css")
    with pytest.raises(FileNotFoundError):
        templates.static("absent.css")
