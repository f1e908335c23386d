"""Values that remember how the file wrote them, so that unchanged ones are written again as it
was.

To a reader of YAML 1.1, such as PyYAML, `1e-3`, `yes`, `017` and `2026-01-01` are other values than
to one of 1.2. It is not for us to guess which one the user's script has: a scalar that no override
touched keeps its text and its quotes. The marks travel with the values through aliases, merges and
lists whose items move.
"""

from __future__ import annotations

from typing import Any

import yaml

from reprobox.config.scalars import Scalar, resolve, spelled


class Written:
    """Mixed into a scalar: its text in the file."""

    text: str
    style: str | None
    """The kind of quotes; None for a plain scalar."""


class WrittenText(Written, str):
    """Text; or what YAML 1.2 takes for text."""


class WrittenInt(Written, int):
    """A whole number."""


class WrittenFloat(Written, float):
    """Any other number."""


_KINDS: dict[type, Any] = {str: WrittenText, int: WrittenInt, float: WrittenFloat}


def marked(text: str, style: str | None) -> Any:
    """The value of a scalar of the file, which remembers its text where it matters.

    Args:
        style: the kind of quotes; None for a plain scalar.

    Raises:
        ValueError: see `scalars.resolve`.
    """
    value = resolve(text) if style is None else text
    if type(value) not in _KINDS or (style is None and not _matters(value, text)):
        return value
    made = _KINDS[type(value)](value)
    made.text, made.style = text, style
    return made


def _matters(value: Scalar, text: str) -> bool:
    return kind(text) != "str" if isinstance(value, str) else spelled(value) != text


def kind(text: str) -> str:
    """The type that PyYAML, a reader of YAML 1.1, gives a plain scalar: `bool`, `int`, `timestamp`,
    ... or `str`.
    """
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], []):
        if pattern.match(text):
            return str(tag).rpartition(":")[2]
    return "str"


def plain(value: Any) -> Any:
    """The value without its marks."""
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return next(
        (type_(value) for type_, marked_ in _KINDS.items() if isinstance(value, marked_)), value
    )


def holds_text(value: Any) -> bool:
    """Whether a value of the file is text to readers of YAML 1.1 and of 1.2."""
    if isinstance(value, WrittenText) and value.style is None:
        return kind(value.text) == "str"
    return isinstance(value, str)


def in_place_of(old: Any, new: Any) -> Any:
    """What an override writes: its value; or the plain word as typed, where the file has a plain
    word of the type that PyYAML sees in it.

    So `debug=no` over `debug: yes` is what an editor would have made of it, and not the text 'no',
    which counts as true in Python; and over a hash such as `rev: 4e15`, which is text to PyYAML,
    another hash stays text to it.
    """
    if not (isinstance(old, Written) and isinstance(new, Written)) or old.style or new.style:
        return plain(new)
    alike = kind(old.text)
    if isinstance(old, str) and isinstance(new, str):
        return new if alike == kind(new.text) else str(new)
    return new if alike == kind(new.text) == "str" else plain(new)
