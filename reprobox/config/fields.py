"""Typed access to a section of the config: a wrong type is noted with its line, and reading
continues with the default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from reprobox.config.problems import Problems, described, nearest
from reprobox.config.scalars import spelled
from reprobox.config.yaml_document import Document, Keys, dotted

T = TypeVar("T")
V = TypeVar("V")


class Section:
    """A mapping of the config; `keys` is where it stands."""

    def __init__(self, document: Document, keys: Keys, problems: Problems, value: Any) -> None:
        self._document, self.keys, self._problems = document, keys, problems
        self.value: dict[Any, Any] = {}
        if isinstance(value, dict):
            self.value = value
        elif value is not None:
            self.fault((), f"expected a mapping, found {described(value)}")

    def fault(self, inner: Keys, text: str) -> None:
        """Notes a fault at a key of this section."""
        keys = (*self.keys, *inner)
        line = self._document.line(keys)
        self._problems.add(f"{dotted(keys)}: {text}", line=line)

    def expect(self, known: Sequence[str]) -> None:
        """Notes every key that is not known."""
        for key in self.value:
            if key not in known:
                self.fault((key,), f"is not a setting of reprobox{nearest(str(key), known)}")

    def section(self, name: str) -> Section:
        """A mapping within; empty when absent."""
        return Section(self._document, (*self.keys, name), self._problems, self.value.get(name))

    def written(self, *inner: Any) -> str | None:
        """A scalar as text: text itself, numbers and booleans as they were written; None when it is
        no scalar.
        """
        value: Any = self.value
        for key in inner:
            value = value[key]
        if isinstance(value, str):
            return value
        if value is None or isinstance(value, (dict, list)):
            return None
        return self._document.texts.get((*self.keys, *inner), spelled(value))

    def read(self, name: str, default: T, expected: str, convert: Callable[[Any], V]) -> T | V:
        """A value by a conversion that raises ValueError or TypeError for what it does not take;
        absent or null is the default.
        """
        value = self.value.get(name)
        if value is None:
            return default
        try:
            return convert(value)
        except TypeError:
            self.fault((name,), f"expected {expected}, found {described(value)}")
        except ValueError as error:
            self.fault((name,), f"expected {expected}; {error}")
        return default

    def text(self, name: str, default: T, check: Callable[[str], str] = str) -> str | T:
        """Text; a number counts as it was written."""

        def convert(value: Any) -> str:
            text = self.written(name)
            if text is None or isinstance(value, bool):
                raise TypeError
            return check(text)

        return self.read(name, default, "text", convert)

    def whole(self, name: str, default: T, *, low: int, high: int) -> int | T:
        """A whole number within bounds, both included."""

        def convert(value: Any) -> int:
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError
            if not low <= value <= high:
                raise ValueError(f"{value} is not within {low} to {high}")
            return value

        return self.read(name, default, "a whole number", convert)

    def number(self, name: str, default: T) -> float | T:
        """A finite number that is not negative."""

        def convert(value: Any) -> float:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"{spelled(value)} is not finite and positive")
            return float(value)

        return self.read(name, default, "a number", convert)

    def choice(self, name: str, default: T, known: Sequence[str]) -> str | T:
        """One of some words."""

        def convert(value: Any) -> str:
            if not isinstance(value, str):
                raise TypeError
            if value not in known:
                raise ValueError(f"there is no {value!r}{nearest(value, known)}")
            return value

        return self.read(name, default, "one of " + ", ".join(known), convert)

    def texts(self, name: str, check: Callable[[str], str] = str) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of one."""
        value = self.value.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            one = self.text(name, None, check)
            return () if one is None else (one,)
        found = []
        for index in range(len(value)):
            text = self._member(name, index, check)
            if text is not None:
                found.append(text)
        return tuple(found)

    def text_map(self, name: str, check: Callable[[str, str], str]) -> dict[str, str]:
        """A mapping of names to texts; `check` gets name and text and gives the text."""
        inside = self.section(name)
        found: dict[str, str] = {}
        for key in inside.value:
            text = inside.written(key)
            if text is None:
                inside.fault((key,), f"expected text, found {described(inside.value[key])}")
                continue
            try:
                found[str(key)] = check(str(key), text)
            except ValueError as error:
                inside.fault((key,), str(error))
        return found

    def _member(self, name: str, index: int, check: Callable[[str], str]) -> str | None:
        text = self.written(name, index)
        if text is None:
            self.fault((name, index), f"expected text, found {described(self.value[name][index])}")
            return None
        try:
            return check(text)
        except ValueError as error:
            self.fault((name, index), str(error))
        return None
