"""Of a file that differs: which of its parts are equal, and what alone made the others differ."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

from reprobox.judge import chance, windows
from reprobox.judge.leaves import Blob
from reprobox.judge.tensors import Tensor, differing
from reprobox.kit.regex import regex

_SHOWN = 20
_LOOKED_AT = 20_000
"""Pairs that are looked at; each costs some microseconds."""
_PERHAPS = {"certain": False}
_PART = regex(r'"(?:[^"\\]|\\.)*"!|[^!"]*!|\$[.\[][^.\[]*|/[^!]*|[^/@!\[(]+')


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
        self._found: dict[tuple[str, bool], dict[str, Any]] = {}
        self._looked = 0

    def add(self, name: str, left: Any, right: Any, *, sure: bool = False) -> bool:
        """Whether one of them made this difference; `sure` as in `chance.kind_of`."""
        if isinstance(left, Blob) or (self._looked >= _LOOKED_AT and not sure):
            return False
        self._looked += 1
        kind = chance.kind_of(name, left, right, sure=True)
        certain = kind is not None
        if kind is None and not sure:
            kind = chance.kind_of(name, left, right)
        if kind is None:
            return False
        ours, theirs = _plain(left, right)
        first = {"kind": kind, "name": name, "left": ours, "right": theirs, "count": 0}
        known = self._found.setdefault((kind, certain), first | ({} if certain else _PERHAPS))
        known["count"] += 1
        return True

    def like(self, name: str, left: Tensor, right: Tensor, sure: bool) -> bool:
        """Whether every differing number of two columns is one that chance made."""
        if self._looked >= _LOOKED_AT and not sure:
            return False
        return all(
            chance.kind_of(name, *values, sure=sure) is not None
            for _, *values in itertools.islice(differing(left, right), None if sure else _LOOKED_AT)
        )

    def report(self) -> list[dict[str, Any]]:
        """Each kind, with its first place and how many there are."""
        return list(self._found.values())


def _plain(left: Any, right: Any) -> tuple[Any, Any]:
    """Both as JSON holds them; of texts the part that differs."""
    if isinstance(left, str) and isinstance(right, str):
        return windows.around(*chance.differing(left, right))
    one, other = (
        value if isinstance(value, int | float) else str(value)[:200] for value in (left, right)
    )
    return one, other
