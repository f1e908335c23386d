"""A YAML document with what the values alone no longer show: lines, and numbers as they were
written.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from reprobox.kit.lazy_dataclass import dataclass

Key = str | int
Keys = tuple[Key, ...]


@dataclass(kw_only=True)
class Document:
    """A document while it is being read and overridden."""

    value: dict[Key, Any]
    """Its scalars remember how they were written; see `written`."""
    lines: dict[Keys, int] = field(default_factory=dict)
    texts: dict[Keys, str] = field(default_factory=dict)
    """Plain scalars that are not text, as they were written, so that `python: 3.10` is not 3.1."""

    def line(self, keys: Keys) -> int | None:
        """The line of a key, or of the nearest thing around it; None when nothing is known, 0 for
        the command line.
        """
        for end in range(len(keys), 0, -1):
            if keys[:end] in self.lines:
                return self.lines[keys[:end]]
        return None

    def forget(self, keys: Keys) -> None:
        """Drops lines and texts of a value that is replaced."""
        for table in (self.lines, self.texts):
            for gone in [known for known in table if known[: len(keys)] == keys]:
                del table[gone]


def leaves(value: Any, keys: Keys = ()) -> list[str]:
    """The dotted keys in a value that hold no further keys; a list counts as one value, and so does
    an empty mapping.
    """
    if not isinstance(value, dict) or not value:
        return [dotted(keys)] if keys else []
    return [found for key, inner in value.items() for found in leaves(inner, (*keys, key))]


def dotted(keys: Keys) -> str:
    """A key as people write it; a dot inside a key is escaped."""
    return ".".join(str(key).replace(".", "\\.") for key in keys)
