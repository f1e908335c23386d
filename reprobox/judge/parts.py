"""Of a file that differs: which of its parts are equal, and what alone made the others differ."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from reprobox.judge import chance
from reprobox.judge.leaves import Blob

_SHOWN = 20
_LOOKED_AT = 20_000
"""Pairs that are looked at; each costs some microseconds."""
_PART = re.compile(r'"(?:[^"\\]|\\.)*"!|[^!"]*!|\$[.\[][^.\[]*|/[^!]*|[^/@!\[(]+')


class Parts:
    """Counts values by the part of the file that they are in: an archive's member, a data set, a
    key of the top of a JSON document, a key of a checkpoint, a column.
    """

    def __init__(self) -> None:
        self._values: defaultdict[str, int] = defaultdict(int)
        self._different: set[str] = set()

    def add(self, name: str, values: int) -> None:
        """So many values are in it."""
        self._values[_part(name)] += values

    def differs(self, name: str) -> None:
        """This one differs."""
        self._different.add(_part(name))

    def equal(self) -> list[dict[str, Any]]:
        """The parts that are equal, the largest first; none where all of the file is one part."""
        if len(self._values) < 2:
            return []
        found = [(many, part) for part, many in self._values.items() if part not in self._different]
        return [
            {"name": part.removesuffix("!"), "values": many}
            for many, part in sorted(found, key=lambda one: (-one[0], one[1]))[:_SHOWN]
        ]


def _part(name: str) -> str:
    match = _PART.match(name)
    return match[0] if match else name


class Chances:
    """Which of the differences a clock, a generator or the machine alone made."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self._looked = 0

    def add(self, name: str, left: Any, right: Any, *, sure: bool = False) -> bool:
        """Whether one of them made this difference; `sure` as in `chance.kind_of`."""
        if isinstance(left, Blob) or (self._looked >= _LOOKED_AT and not sure):
            return False
        self._looked += 1
        kind = chance.kind_of(name, left, right, sure=sure)
        if kind is None:
            return False
        first = {"kind": kind, "name": name, "left": _plain(left), "right": _plain(right)}
        self._found.setdefault(kind, {**first, "count": 0})["count"] += 1
        return True

    def report(self) -> list[dict[str, Any]]:
        """Each kind, with its first place and how many there are."""
        return list(self._found.values())


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float) else str(value)[:200]
