"""An uninterrupted run and one that was resumed from a checkpoint: which state was not restored.

The states are written by runtime/payload/reprobox_restart.py before each optimizer step, and the
format is described there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from reprobox.errors import NotComparable
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.model.verdict import Scalar

FORMAT = "reprobox.restart/1"
_SHOWN = 4
Values = Mapping[str, Scalar]


@dataclass(frozen=True, kw_only=True)
class Before:
    """All state just before one optimizer step."""

    o: int
    s: int
    names: list[str] = field(default_factory=list)
    p: list[str | None] = field(default_factory=list)
    g: list[str | None] = field(default_factory=list)
    b: dict[str, Scalar] = field(default_factory=dict)
    m: dict[str, Scalar] = field(default_factory=dict)
    h: dict[str, Scalar] = field(default_factory=dict)
    c: dict[str, Scalar] = field(default_factory=dict)
    k: dict[str, Scalar] = field(default_factory=dict)
    r: dict[str, str] = field(default_factory=dict)
    e: dict[str, str] | None = None
    i: list[dict[str, str]] = field(default_factory=list)
    d: str | None = None
    f: int = 0

    def named(self, prints: Sequence[str | None]) -> dict[str, Scalar]:
        """Fingerprints by the names of the parameters."""
        return {
            self.names[place] if place < len(self.names) else str(place): one
            for place, one in enumerate(prints)
        }


@dataclass(frozen=True, kw_only=True)
class Unrestored:
    """A state that the resumed run had otherwise than the uninterrupted one."""

    kind: str
    """`parameters`, `buffers`, `optimizer state`, `scheduler`, `scaler`, `generator`, `loader
    position`, `gradients` or `number of steps`.
    """
    step: int
    """Of the uninterrupted run: just before it."""
    names: tuple[str, ...] = ()
    """The first few of what differs within."""
    differ: int = 1
    uninterrupted: Scalar = None
    resumed: Scalar = None
    """The values of the first of them, where they can be read."""
    note: str = ""

    @property
    def sentence(self) -> str:
        """For people."""
        more = f" and {self.differ - len(self.names)} more" if self.differ > len(self.names) else ""
        what = f" ({', '.join(self.names)}{more})" if self.names else ""
        values = (
            f": {self.uninterrupted} in the uninterrupted run, {self.resumed} in the resumed one"
            if self.uninterrupted is not None or self.resumed is not None
            else ""
        )
        note = f"; {self.note}" if self.note else ""
        return f"step {self.step}: {self.kind}{what}{values}{note}"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the states show."""

    after: int | None
    """The step of the uninterrupted run after which the resumed run continued; None where it has no
    step.
    """
    compared: int = 0
    unrestored: tuple[Unrestored, ...] = ()


def read(path: Path) -> tuple[Before, ...]:
    """The states in a file; a last line that was cut off by the end of the run is left out.

    Raises:
        NotComparable: not a file of a version that this reprobox reads.
    """
    lines = path.read_bytes().split(b"\n")[:-1]
    try:
        values = [canon.parse(line) for line in lines if line]
    except ValueError as error:
        raise NotComparable(f"{path.name} is damaged", why=str(error)) from error
    if not values or not isinstance(values[0], dict) or values[0].get("format") != FORMAT:
        raise NotComparable(f"{path.name} is not a {FORMAT}")
    return tuple(
        codec.from_json(Before, value, where=f"{path.name}, line {number}", error=NotComparable)
        for number, value in enumerate(values[1:], 2)
    )


def compare(whole: Sequence[Before], resumed: Sequence[Before], *, stopped: int) -> Comparison:
    """Finds the step at which a run continued, and the first step at which its state is another.

    Args:
        stopped: the step after which the run was interrupted; it may have continued before it.
    """
    if not resumed or not whole:
        return Comparison(after=None)
    after = _after(whole, resumed, stopped)
    rest = whole[after:]
    number = _number(rest, resumed, after)
    for place, (one, other) in enumerate(zip(rest, resumed, strict=False)):
        found = tuple(_step(whole, one, other, after + place + 1, first=place == 0))
        if found:
            return Comparison(after=after, compared=place, unrestored=(*found, *number))
    return Comparison(after=after, compared=min(len(rest), len(resumed)), unrestored=number)


def _after(whole: Sequence[Before], resumed: Sequence[Before], stopped: int) -> int:
    """Where the parameters are those with which the resumed run began; of several such steps the
    one with the most other state in common, then the nearest to the interruption.
    """
    begin = resumed[0]
    places = [place for place, one in enumerate(whole) if (one.o, one.p) == (begin.o, begin.p)]
    if not places:
        left = len(whole) - len(resumed)
        return left if 0 <= left < len(whole) else min(stopped, len(whole) - 1)

    def fitness(place: int) -> tuple[int, int]:
        one = whole[place]
        alike = sum(getattr(one, key) == getattr(begin, key) for key in "bmhckrd")
        return alike, -abs(place - stopped)

    return max(places, key=fitness)


def _number(
    rest: Sequence[Before], resumed: Sequence[Before], after: int
) -> tuple[Unrestored, ...]:
    if len(rest) == len(resumed):
        return ()
    return (
        Unrestored(
            kind="number of steps",
            step=after + 1,
            uninterrupted=len(rest),
            resumed=len(resumed),
            note="steps from here to the end",
        ),
    )


def _step(
    whole: Sequence[Before], one: Before, other: Before, step: int, *, first: bool
) -> Iterator[Unrestored]:
    """What differs before one step. Buffers and gradients are made in the step from all else, so
    they are named where nothing else differs.
    """
    found = [seen for kind, values in _STATES for seen in _values(kind, step, *values(one, other))]
    batch = _loader(whole, one, other, step)
    found += [*_generators(one, other, step, first=first, other_batch=bool(batch)), *batch]
    found = found or list(_values("buffers", step, one.b, other.b))
    yield from found or _values(
        "gradients", step, one.named(one.g), other.named(other.g), note=_ELSE
    )


def _both(key: str) -> Callable[[Before, Before], tuple[Values, Values]]:
    return lambda one, other: (getattr(one, key), getattr(other, key))


_STATES: tuple[tuple[str, Callable[[Before, Before], tuple[Values, Values]]], ...] = (
    ("parameters", lambda one, other: (one.named(one.p), other.named(other.p))),
    ("optimizer state", _both("m")),
    ("scheduler", lambda one, other: ({**one.h, **one.c}, {**other.h, **other.c})),
    ("scaler", _both("k")),
)
_ELSE = (
    "all state that was looked at is the same, so it is data that no DataLoader gave, or a "
    "generator of the program's own"
)
_READABLE = ("scheduler", "scaler")
"""Kinds whose values are no fingerprints."""


def _values(
    kind: str, step: int, ours: Values, theirs: Values, note: str = ""
) -> Iterator[Unrestored]:
    names = [
        name
        for name in {**ours, **theirs}
        if ours.get(name, "absent") != theirs.get(name, "absent")
    ]
    if names:
        shown = kind in _READABLE
        yield Unrestored(
            kind=kind,
            step=step,
            names=tuple(names[:_SHOWN]),
            differ=len(names),
            uninterrupted=ours.get(names[0], "absent") if shown else None,
            resumed=theirs.get(names[0], "absent") if shown else None,
            note=note,
        )


def _generators(
    one: Before, other: Before, step: int, *, first: bool, other_batch: bool
) -> tuple[Unrestored, ...]:
    """Generators in another state. One that was in the right state when a DataLoader began was
    restored; the loader has drawn from it since.
    """
    differ = [name for name, state in one.r.items() if other.r.get(name, state) != state]
    ended = one.e or {}
    moved = [
        name
        for name in differ
        if first and name in ended and any(begun.get(name) == ended[name] for begun in other.i)
    ]
    lost = [name for name in differ if name not in moved]
    if lost:
        return (_generator(lost, step, ""),)
    if moved and not other_batch:
        note = "restored before the DataLoader began, which has drawn from it"
        return (_generator(moved, step, note),)
    return ()


def _generator(names: Sequence[str], step: int, note: str) -> Unrestored:
    return Unrestored(
        kind="generator", step=step, names=tuple(names[:_SHOWN]), differ=len(names), note=note
    )


def _loader(
    whole: Sequence[Before], one: Before, other: Before, step: int
) -> tuple[Unrestored, ...]:
    if one.d == other.d:
        return ()
    places = [place for place, seen in enumerate(whole, 1) if other.d and seen.d == other.d]
    note = (
        f"its batch is the one of step {places[0]}" if places else "its batch is in no step there"
    )
    return (Unrestored(kind="loader position", step=step, note=note),)
