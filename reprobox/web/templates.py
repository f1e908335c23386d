"""The door to Jinja: every value that a template prints is escaped, with controls written out."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from reprobox.kit.text import shown
from reprobox.kit.units import ago, counted, human
from reprobox.views.run_list import value_text, words
from reprobox.views.times import took, when

_FOLDER = Path(__file__).parent


def _plain(value: Any) -> Any:
    """What is printed for a value: a file name or a log line moves no cursor and turns no text."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else shown(str(value))


@cache
def environment() -> jinja2.Environment:
    """All templates; HTML is escaped whatever the file is called."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        ago=ago, counted=counted, human=human, took=took, value=value_text, when=when, words=words
    )
    return made


def render(name: str, **facts: Any) -> str:
    """A page as text."""
    return environment().get_template(name).render(**facts)


@cache
def static(name: str) -> bytes:
    """A file that is served as it is, and goes into reports."""
    return (_FOLDER / "static" / name).read_bytes()
