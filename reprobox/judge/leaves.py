"""What a file says, as named leaves: their types, their names, and how names are selected.

Names are unambiguous: a key, member or column that could be taken for something else is quoted as
in JSON (`segment`), and a name of bytes that are not UTF-8 is written as `b"..."`.

Selectors address leaves by name, for rules below the file. A pattern matches a leaf whose whole
name it matches, and everything below that name; so `optimizer` selects
`optimizer/state/0`, `loss` the tag of `loss@17`, `$.log[*].time` one key of every entry. In it
`**` is any text, `[*]` any one place or quoted key, `*` any text without a separator
(`/ . @ ! [ ] ( ) { }`) or one quoted name, and `\\` takes the next sign as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from typing import Literal

from reprobox.judge.tensors import Tensor, Tolerance
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

MAX_LEAVES = 20_000_000
_FEW = 10_000
_PLAIN_NAME = regex(r"[^][/.@!<>(){}\"'\\*\x00-\x1f\x7f]+")
_QUOTED = r'b?"(?:[^"\\]|\\.)*"'
_ONE = rf"(?:{_QUOTED}|[^][/.@!<>(){{}}]*)"
_PLACE = rf"\[(?:{_QUOTED}|[^][]*)\]"
_BELOW = r"(?=$|[/.@!<\[({ ])"


class Blob(str):
    """A text that stands for bytes, which may hold numbers: it counts under rule `tensors` too."""


class Int(int):
    """A whole number of a text format, where `1` and `1.0` are one number."""


class Real(float):
    """Any other number of a text format that a double holds."""


Scalar = str | int | float | bool | Decimal | None
"""Decimal is a number of a text format that no double holds."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Many values that are leaves each: the lines of a text, a column of cells, a list of numbers.

    Args:
        before: stands in a value's name between the name of all and the place.
        after: stands behind the place.
        first: the place of the first value.
    """

    values: Sequence[Scalar]
    before: str = "["
    after: str = "]"
    first: int = 0

    def name(self, base: str, place: int) -> str:
        """The name of the value with that index."""
        return f"{base}{self.before}{place + self.first}{self.after}"

    def items(self, base: str) -> Iterator[tuple[str, Scalar]]:
        """Each value with its name."""
        return ((self.name(base, place), value) for place, value in enumerate(self.values))


Leaf = Tensor | Rows | Scalar


class Unreadable(Exception):
    """The file is not what its format says, or more than a reader may take."""


def put(leaves: dict[str, Leaf], name: str, leaf: Leaf) -> None:
    """Adds a leaf. Raises Unreadable where there is one of that name already, or too many."""
    if name in leaves:
        raise Unreadable(f"two values of one name: {name[:200]}")
    if len(leaves) >= MAX_LEAVES:
        raise Unreadable("more values than a reader may take")
    leaves[name] = leaf


def once(names: Iterable[str]) -> None:
    """Raises Unreadable where a name comes twice: readers would find one of the two."""
    found: set[str] = set()
    for name in names:
        if name in found:
            raise Unreadable(f"two members of one name: {name[:200]}")
        found.add(name)


def segment(name: str | bytes) -> str:
    """A part of a name: as it is where it can be taken for nothing else, else quoted."""
    if isinstance(name, bytes):
        try:
            return segment(name.decode())
        except UnicodeDecodeError:
            shown = name.decode("latin-1")
            return f"b{json.dumps(shown)}"
    return name if _PLAIN_NAME.fullmatch(name) else quoted(name)


def quoted(name: str) -> str:
    """A name in JSON's quotes; signs beyond ASCII stay readable."""
    return json.dumps(name, ensure_ascii=any(map(_lone, name)))


def _lone(sign: str) -> bool:
    return "\ud800" <= sign <= "\udfff"


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What a rule says of the leaves that a pattern selects."""

    pattern: str
    compare: Literal["ignore", "exact", "tolerance"] = "ignore"
    tolerance: Tolerance = field(default_factory=Tolerance)

    def __post_init__(self) -> None:
        if self.compare not in ("ignore", "exact", "tolerance"):
            raise ValueError(f"a leaf is not treated as {self.compare!r}")


def selector(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression; use `match`."""
    out, place = [], 0
    while place < len(pattern):
        for sign, meaning in (("**", ".*"), ("[*]", _PLACE), ("*", _ONE)):
            if pattern.startswith(sign, place):
                out.append(meaning)
                place += len(sign)
                break
        else:
            place += pattern[place] == "\\" and place + 1 < len(pattern)
            out.append(re.escape(pattern[place]))
            place += 1
    return re.compile("".join(out) + _BELOW, re.DOTALL)


class Treatments:
    """Finds what a list of treatments says of a name: the first that matches counts."""

    def __init__(self, treatments: Sequence[Treatment]) -> None:
        self._all = [(selector(one.pattern).match, one) for one in treatments]
        self.used: set[str] = set()
        """Patterns that selected something."""

    def __bool__(self) -> bool:
        return bool(self._all)

    def of(self, name: str) -> Treatment | None:
        """The treatment of a leaf; None where no pattern selects it."""
        for matches, treatment in self._all:
            if matches(name):
                self.used.add(treatment.pattern)
                return treatment
        return None

    @property
    def unused(self) -> list[str]:
        """Patterns that selected nothing so far."""
        return [one.pattern for _, one in self._all if one.pattern not in self.used]


def split(leaves: Mapping[str, Leaf], wanted: Callable[[str], bool]) -> dict[str, Leaf]:
    """The leaves with those rows taken apart of which `wanted` is asked by name of the whole."""
    found: dict[str, Leaf] = {}
    for name, leaf in leaves.items():
        if isinstance(leaf, Rows) and wanted(name):
            for one, value in leaf.items(base(name, leaf)):
                put(found, one, value)
        else:
            put(found, name, leaf)
    return found


def key(name: str, rows: Rows) -> str:
    """The name under which rows stand among leaves: `loss[*]`, `line *`."""
    return f"{name}{rows.before}*{rows.after}"


def base(key_: str, rows: Rows) -> str:
    """The name of all, from the key of rows."""
    return key_.removesuffix(f"{rows.before}*{rows.after}")


def put_rows(leaves: dict[str, Leaf], name: str, rows: Rows) -> None:
    """Adds rows: each value under its own name where they are few, else all of them as one."""
    if len(rows.values) > _FEW:
        put(leaves, key(name, rows), rows)
        return
    for one, value in rows.items(name):
        put(leaves, one, value)
