"""`${a.b}` in the command: a value of the document. `$${` stands for a plain `${`."""

from __future__ import annotations

from typing import Any

from reprobox.config.problems import described, nearest
from reprobox.config.scalars import spelled
from reprobox.kit.regex import regex

_USE = regex(r"\$\$\{|\$\{([^{}]*)\}")


def filled(text: str, document: dict[Any, Any]) -> str:
    """The text with every `${a.b}` replaced; what is put in is never split or read again.

    Raises:
        ValueError: for a key that is not there, or that is a list, a mapping or nothing.
    """
    return _USE.sub(
        lambda match: "${" if match[1] is None else _value(match[1].strip(), document), text
    )


def _value(key: str, document: dict[Any, Any]) -> str:
    value: Any = document
    for part in key.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
            continue
        names = {str(name): name for name in value} if isinstance(value, dict) else {}
        if part not in names:
            raise ValueError(
                f"there is no {key!r} for ${{{key}}}{nearest(part, names)}; write $${{{key}}} for "
                "the characters themselves"
            )
        value = value[names[part]]
    if value is None or isinstance(value, (dict, list)):
        raise ValueError(f"${{{key}}} is {described(value)} and cannot stand in a command")
    return spelled(value)
