"""The kinds of values that a setting can have: how each is read, and its JSON Schema.

A kind reports what is wrong through the section (with its line) and then gives None, so that
reading continues and all faults are shown together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, Protocol

from reprobox.config.fields import Section
from reprobox.config.place import Place
from reprobox.kit.lazy_dataclass import dataclass

Json = dict[str, Any]
SCALAR = ("string", "number", "boolean")
"""What may stand for text in a list or mapping: it counts as it was written."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a setting may look at besides its own value."""

    place: Place
    document: dict[Any, Any]
    values: dict[str, Any] = field(default_factory=dict)
    """The fields of the Spec that were read so far."""


class Kind(Protocol):
    @property
    def as_written(self) -> bool:
        """Whether a number counts as the text that the file has: `3.10` is not 3.1."""

    def read(self, section: Section, name: str, scope: Scope) -> Any: ...

    def schema(self) -> Json: ...


@dataclass(frozen=True)
class Text:
    check: Callable[[str], str]
    pattern: str = ""
    """What `check` takes, for editors."""
    as_written: bool = True

    def read(self, section: Section, name: str, scope: Scope) -> str | None:
        return section.text(name, None, self.check)

    def schema(self) -> Json:
        return {
            "type": ["string", "number"],
            **({"pattern": self.pattern} if self.pattern else {"minLength": 1}),
        }


@dataclass(frozen=True)
class Path:
    """A path below the top of the repository, given relative to the config."""

    convert: Callable[[Place, str], str]
    as_written: bool = True

    def read(self, section: Section, name: str, scope: Scope) -> str | None:
        return section.text(name, None, lambda path: self.convert(scope.place, path))

    def schema(self) -> Json:
        return {"type": ["string", "number"], "pattern": "^[^/]"}


@dataclass(frozen=True)
class Flag:
    """`words`: `yes` and `no` too, which are text in YAML 1.2."""

    words: bool = False
    as_written = False

    def read(self, section: Section, name: str, scope: Scope) -> bool | None:
        if self.words and section.value.get(name) in ("yes", "no"):
            return bool(section.value[name] == "yes")
        return section.read(name, None, "true or false", _flag)

    def schema(self) -> Json:
        return {"enum": [True, False, "yes", "no"]} if self.words else {"type": "boolean"}


@dataclass(frozen=True)
class Whole:
    low: int
    high: int
    as_written = False

    def read(self, section: Section, name: str, scope: Scope) -> int | None:
        return section.whole(name, None, low=self.low, high=self.high)

    def schema(self) -> Json:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Number:
    """A finite number, 0 or more; `above_zero`: not 0."""

    above_zero: bool = False
    as_written = False

    def read(self, section: Section, name: str, scope: Scope) -> float | None:
        value = section.number(name, None)
        if value == 0 and self.above_zero:
            section.fault((name,), "expected a number above 0")
            return None
        return value

    def schema(self) -> Json:
        return {"type": "number", ("exclusiveMinimum" if self.above_zero else "minimum"): 0}


@dataclass(frozen=True)
class Choice:
    words: tuple[str, ...]
    as_written = False

    def read(self, section: Section, name: str, scope: Scope) -> str | None:
        return section.choice(name, None, self.words)

    def schema(self) -> Json:
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Texts:
    """A list of texts; one text stands for a list of one."""

    check: Callable[[str], str]
    pattern: str = ""
    as_written = True

    def read(self, section: Section, name: str, scope: Scope) -> tuple[str, ...]:
        return section.texts(name, self.check)

    def schema(self) -> Json:
        extra = {"pattern": self.pattern} if self.pattern else {}
        return {
            "type": ["string", "number", "array"],
            **extra,
            "items": {"type": list(SCALAR), **extra},
        }


@dataclass(frozen=True)
class TextMap:
    """A mapping of names to texts; `check` gets name, text and scope, and gives the text."""

    check: Callable[[str, str, Scope], str]
    names: str = ""
    """The pattern of the names, for editors."""
    texts: str = ""
    as_written = True

    def read(self, section: Section, name: str, scope: Scope) -> dict[str, str]:
        return section.text_map(name, lambda key, text: self.check(key, text, scope))

    def schema(self) -> Json:
        extra = {"pattern": self.texts} if self.texts else {}
        return {
            "type": "object",
            **({"propertyNames": {"pattern": self.names}} if self.names else {}),
            "additionalProperties": {"type": list(SCALAR), **extra},
        }


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value
