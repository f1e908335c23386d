"""`lr=0.1,0.01 seed=range(5) model=choice(a,b)`: overrides that stand for several values.

The grammar is Hydra's (https://hydra.cc/docs/advanced/override_grammar/extended/): a list of
values, `choice(a,b)`, `range(stop)`, `range(start,stop[,step])`, `interval(low,high)` and
`tag(log,interval(low,high))`; an interval needs a search. Everything else is one value.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation

from reprobox.errors import UsageError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

_CALL = regex(r"(?P<name>choice|range|interval|tag|shuffle|sort|glob)\((?P<inner>.*)\)", re.DOTALL)
_PAIRS = {"(": ")", "[": "]", "{": "}"}
MOST = 100_000
"""Trials of one sweep."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Numbers between two bounds, for a search."""

    low: float
    high: float
    log: bool = False
    whole: bool = False
    """Whether only whole numbers are meant: both bounds were written without a point."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A key and the values it takes, as text in the grammar of overrides."""

    key: str
    """With its sign, as in `+new`."""
    values: tuple[str, ...] = ()
    interval: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep varies, and the overrides that every trial has."""

    axes: tuple[Axis, ...]
    fixed: tuple[str, ...]

    @property
    def searched(self) -> bool:
        """Whether an axis has no list of values, so that only a search can choose them."""
        return any(axis.interval for axis in self.axes)

    @property
    def size(self) -> int:
        """Points of the grid."""
        count = 1
        for axis in self.axes:
            count *= len(axis.values)
        return count

    def grid(self) -> Iterator[tuple[str, ...]]:
        """The overrides of each trial; the last axis moves fastest, as Hydra's basic sweeper."""
        for values in itertools.product(*(axis.values for axis in self.axes)):
            pairs = (f"{axis.key}={value}" for axis, value in zip(self.axes, values, strict=True))
            yield (*self.fixed, *pairs)


def parse(overrides: Sequence[str]) -> Plan:
    """Splits overrides into what varies and what does not.

    Raises:
        UsageError: a function that is not known or has wrong arguments, or too many trials.
    """
    axes, fixed = [], []
    for text in overrides:
        key, found, value = text.partition("=")
        axis = _axis(key, value) if found and not key.startswith("~") else None
        if axis is None:
            fixed.append(text)
        else:
            axes.append(axis)
    twice = {axis.key for axis in axes if sum(one.key == axis.key for one in axes) > 1}
    if twice:
        raise UsageError(f"{min(twice)} is given twice", next_step="reprobox sweep --help")
    plan = Plan(axes=tuple(axes), fixed=tuple(fixed))
    if not plan.searched and plan.size > MOST:
        raise UsageError(
            f"the sweep has {plan.size:,} trials, and at most {MOST:,} are possible",
            next_step="give fewer values, or search: reprobox sweep --search tpe --trials 100",
        )
    return plan


def _axis(key: str, value: str) -> Axis | None:
    """None where the value is one value."""
    text = value.strip()
    call = _CALL.fullmatch(text)
    if call and _balanced(call["inner"]):
        return _called(key, call["name"], call["inner"])
    parts = split(text)
    return Axis(key=key, values=tuple(parts)) if len(parts) > 1 else None


def _called(key: str, name: str, inner: str) -> Axis:
    arguments = split(inner)
    if name == "choice" and arguments:
        return Axis(key=key, values=tuple(arguments))
    if name == "range" and 1 <= len(arguments) <= 3:
        return Axis(key=key, values=tuple(_range(key, arguments)))
    if name == "interval" and len(arguments) == 2:
        return Axis(key=key, interval=_interval(key, arguments, log=False))
    if name == "tag" and len(arguments) == 2:
        inside = _CALL.fullmatch(arguments[1].strip())
        if arguments[0].strip() in ("log", "int") and inside and inside["name"] == "interval":
            log = arguments[0].strip() == "log"
            return Axis(key=key, interval=_interval(key, split(inside["inner"]), log=log))
    raise UsageError(
        f"{key}={name}({inner}) is not a sweep that reprobox knows",
        why="Known are a,b,c  choice(a,b)  range(5)  range(1,10,2)  interval(1e-4,1e-1)  "
        "tag(log,interval(1e-4,1e-1)).",
        next_step="reprobox sweep --help",
    )


def _range(key: str, arguments: Sequence[str]) -> Iterator[str]:
    """Exact decimals, so that `range(0,1,0.1)` has ten values."""
    try:
        numbers = [Decimal(text.strip()) for text in arguments]
    except InvalidOperation as fault:
        raise UsageError(
            f"{key}=range({','.join(arguments)}): not numbers", next_step="reprobox sweep --help"
        ) from fault
    start, stop, step = (
        (Decimal(0), numbers[0], Decimal(1)) if len(numbers) == 1 else (*numbers, Decimal(1))[:3]
    )
    if step == 0 or not all(number.is_finite() for number in (start, stop, step)):
        raise UsageError(f"{key}=range(...) never ends", next_step="reprobox sweep --help")
    if (stop - start) / step > MOST:
        raise UsageError(f"{key}=range(...) has too many values", next_step="give a larger step")
    value = start
    while (value < stop) if step > 0 else (value > stop):
        yield f"{value:f}"
        value += step


def _interval(key: str, arguments: Sequence[str], *, log: bool) -> Interval:
    try:
        low, high = (float(text) for text in arguments)
    except ValueError as fault:
        raise UsageError(
            f"{key}=interval({','.join(arguments)}): two numbers are needed",
            next_step="reprobox sweep --help",
        ) from fault
    if not low < high or (log and low <= 0):
        raise UsageError(
            f"{key}=interval({','.join(arguments)}) is empty",
            why="A logarithmic interval begins above 0." if log and low <= 0 else "",
            next_step="reprobox sweep --help",
        )
    whole = all(text.strip().lstrip("+-").isdigit() for text in arguments)
    return Interval(low=low, high=high, log=log, whole=whole)


def split(text: str) -> list[str]:
    """The parts between commas that stand in no bracket and no quotes."""
    parts, depth, quote, begin = [], 0, "", 0
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _PAIRS:
            depth += 1
        elif letter in _PAIRS.values():
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[begin:place])
            begin = place + 1
    return [part.strip() for part in (*parts, text[begin:])] if text.strip() else []


def _balanced(text: str) -> bool:
    """Whether brackets close in order, so that `choice(a)(b)` is not a call."""
    depth = 0
    for letter in text:
        depth += (letter in _PAIRS) - (letter in _PAIRS.values())
        if depth < 0:
            return False
    return depth == 0
