"""The content of a file, and how two contents compare: once for all formats.

Equal needs two things: the same leaves, and the same rest. The rest is every byte of the file that
is in no leaf and in nothing that its reader leaves out (`LEFT_OUT` of each module in formats/). So
a reader that overlooks something makes a file *not checked*, never equal.

Rules below the file (a JSON path, a column, a tag, a key of a checkpoint, a member) are pairs of a
pattern and a treatment, handed to `compare` and, as plain data, to `reader.Reader.look`:

    [{"pattern": "$.log_history[*].train_runtime", "compare": "ignore"},
     {"pattern": "optimizer/**/exp_avg", "compare": "tolerance", "rtol": 1e-6}]

`ignore` leaves the selected leaves aside, also where only one side has them; `tolerance` compares
them with its own ulp, atol and rtol; `exact` with none. The first pattern that matches counts, the
file's rule where none does. What patterns mean: `leaves`. The answer has `ignored_leaves` and, as
`unused_patterns`, those that selected nothing.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from reprobox.judge import chance, looks, windows
from reprobox.judge.leaves import MAX_LEAVES as MAX_LEAVES
from reprobox.judge.leaves import (
    Blob,
    Int,
    Leaf,
    Real,
    Rows,
    Scalar,
    Treatment,
    Treatments,
    base,
    key,
    split,
)
from reprobox.judge.leaves import Unreadable as Unreadable
from reprobox.judge.leaves import once as once
from reprobox.judge.leaves import put as put
from reprobox.judge.parts import Chances, Parts
from reprobox.judge.tensors import Distance, Tensor, Tolerance, differing, distance
from reprobox.kit.lazy_dataclass import dataclass

_SHOWN = 20
_ORDERED = 10_000
"""Differing values of all columns that are looked at for another order."""
_RENAMED = 10_000
"""Names of values that are looked at for a clock in them."""
_CHUNK = 1 << 16
_LARGEST_EXPONENT = 400
"""Of a Decimal whose exact value is computed: beyond, it would fill the memory."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Bytes of a file that are in no leaf and on no list."""

    path: Path
    offset: int
    size: int
    sha256: str
    member: str = ""
    """`member!` of a container, where it is not the file itself."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Bytes that the rule leaves out."""

    start: int
    end: int
    key: str
    """Of the reader's LEFT_OUT."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a file says."""

    format: str
    leaves: Mapping[str, Leaf]
    rest: tuple[Piece, ...] = ()
    left_out: tuple[Span, ...] = ()
    readers: tuple[str, ...] = ()
    """Which readers decided, with their version; the file's own first, then those of members."""
    inner: Content | None = None
    """What a compressed stream holds, under the names that it would have uncompressed."""


@dataclass(kw_only=True)
class _Sum:
    """The running result over all leaves."""

    total: int = 0
    count: int = 0
    beyond: int = 0
    leaves: int = 0
    ignored: int = 0
    ulp: int | None = None
    abs: float | None = None
    rel: float | None = None
    places: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)


def compare(
    left: Content,
    right: Content,
    tolerance: Tolerance,
    *,
    only_numbers: bool = False,
    treatments: Sequence[Treatment] = (),
    except_times: bool = False,
) -> dict[str, Any]:
    """Compares two contents.

    Args:
        only_numbers: leave texts aside (rule `tensors`), but for bytes that may hold numbers.
        treatments: rules for some of the leaves.
        except_times: leave aside what a clock, a generator or the machine gave.

    Returns:
        `same` (bits of every leaf), `within` (the tolerance), and the details of
        FileVerdict.detail.

    Raises:
        Unreadable: the leaves agree and the rest does not, or there is nothing to compare.
    """
    left, right = _aligned(left, right)
    if _family(left) != _family(right):
        return {
            "same": False,
            "within": False,
            "format": left.format,
            "why": f"the other side is {right.format}",
        }
    comparison = _Comparison(tolerance, only_numbers, Treatments(treatments), except_times)
    answer = comparison.run(left, right)
    if answer["within"]:
        _require_same_rest(left.rest, right.rest)
    return answer


def _aligned(left: Content, right: Content) -> tuple[Content, Content]:
    """Where only one of the two is compressed, what is in it."""
    if left.inner and _family(left.inner) == _family(right):
        return left.inner, right
    if right.inner and _family(right.inner) == _family(left):
        return left, right.inner
    return left, right


def _family(content: Content) -> str:
    return content.format.removesuffix("-legacy")


class _Comparison:
    """Goes through the leaves of both sides."""

    def __init__(
        self,
        tolerance: Tolerance,
        only_numbers: bool,
        treatments: Treatments,
        except_times: bool = False,
    ) -> None:
        self._tolerance, self._only_numbers = tolerance, only_numbers
        self._treatments, self._sum = treatments, _Sum()
        self._except_times = except_times
        self._parts, self._chances = Parts(), Chances()

    def run(self, left: Content, right: Content) -> dict[str, Any]:
        ours, theirs = self._split(left.leaves, right.leaves)
        partners = {} if self._only_numbers else _partners(ours, theirs)
        if self._only_numbers and not any(map(self._counts_any, (ours, theirs))):
            raise Unreadable("there is no number in it to compare")
        for name, leaf in ours.items():
            self._parts.add(name, _values(leaf))
            if name in theirs:
                self._pair(name, leaf, theirs[name])
            elif other := partners.get(name):
                self._renamed(name, leaf, other, theirs[other])
            else:
                self._one_sided(self._sum.missing, name, leaf)
        taken = set(partners.values())
        for name, leaf in theirs.items():
            if name not in ours and name not in taken:
                self._one_sided(self._sum.extra, name, leaf)
        return self._report(left, list(ours) != list(theirs))

    def _split(
        self, left: Mapping[str, Leaf], right: Mapping[str, Leaf]
    ) -> tuple[Mapping[str, Leaf], Mapping[str, Leaf]]:
        """Rows stay together where both sides have them and no rule looks into them."""
        apart = bool(self._treatments)
        ours = split(left, lambda name: apart or not isinstance(right.get(name), Rows))
        theirs = split(right, lambda name: apart or not isinstance(left.get(name), Rows))
        return ours, theirs

    def _counts_any(self, leaves: Mapping[str, Leaf]) -> bool:
        return any(
            any(map(self._counts, leaf.values)) if isinstance(leaf, Rows) else self._counts(leaf)
            for leaf in leaves.values()
        )

    def _counts(self, leaf: Leaf) -> bool:
        """Whether a leaf counts under this rule."""
        return not (self._only_numbers and type(leaf) is str)

    def _one_sided(self, names: list[str], name: str, leaf: Leaf) -> None:
        if isinstance(leaf, Rows):
            for one, value in leaf.items(base(name, leaf)):
                self._one_sided(names, one, value)
        elif self._counts(leaf) and not self._ignored(name):
            names.append(name)
            self._parts.differs(name)

    def _ignored(self, name: str) -> bool:
        treatment = self._treatments.of(name) if self._treatments else None
        ignored = treatment is not None and treatment.compare == "ignore"
        self._sum.ignored += ignored
        return ignored

    def _within(self, name: str) -> Tolerance | None:
        """The tolerance for a leaf; None where it is ignored."""
        treatment = self._treatments.of(name) if self._treatments else None
        if treatment is None:
            return self._tolerance
        if treatment.compare == "ignore":
            self._sum.ignored += 1
            self._parts.differs(name)
            return None
        return treatment.tolerance if treatment.compare == "tolerance" else Tolerance()

    def _pair(self, name: str, left: Leaf, right: Leaf) -> None:
        if isinstance(left, Rows) and isinstance(right, Rows):
            self._rows(base(name, left), left, right)
            return
        mine, yours = self._counts(left), self._counts(right)
        if not mine and not yours:
            return
        tolerance = self._within(name)
        if tolerance is None:
            return
        if mine and yours:
            self._both(name, left, right, tolerance)
        else:
            (self._sum.missing if mine else self._sum.extra).append(name)
            self._parts.differs(name)

    def _renamed(self, name: str, left: Leaf, other: str, right: Leaf) -> None:
        """A value in whose name there is a clock, such as a column or a key."""
        if self._within(name) is not None:
            self._both(f"the name {name}", name, other, Tolerance())
            self._pair(name, left, right)

    def _both(self, name: str, left: Leaf, right: Leaf, tolerance: Tolerance) -> None:
        if isinstance(left, Tensor) and isinstance(right, Tensor):
            self._tensor(name, left, right, tolerance)
            return
        self._sum.total += 1
        if _exactly(left, right):
            return
        if self._left_aside(name, left, right):
            return
        self._sum.pairs.append((left, right))
        if _number(left) and _number(right) and (_spelled(left) or type(left) is type(right)):
            found = scalar_distance(left, right, tolerance)
            self._add(name, found, {}, tolerance)
        else:
            ours, theirs = _shorts(left, right)
            self._differs(name, {"left": ours, "right": theirs}, 1, 1)

    def _left_aside(self, name: str, left: Any, right: Any) -> bool:
        """Whether a clock, a generator or the machine alone made this difference, and the rule
        leaves that aside.
        """
        by_chance = self._chances.add(name, left, right, sure=self._except_times)
        if not by_chance or not self._except_times:
            return False
        self._sum.ignored += 1
        self._parts.differs(name)
        return True

    def _rows(self, name: str, left: Rows, right: Rows) -> None:
        ours, theirs = left.values, right.values
        for place, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            if one is other or _exactly(one, other):
                self._sum.total += self._counts(one)
            else:
                self._pair(left.name(name, place), one, other)
        for rows, names in ((left, self._sum.missing), (right, self._sum.extra)):
            for place in range(min(len(ours), len(theirs)), len(rows.values)):
                self._one_sided(names, rows.name(name, place), rows.values[place])

    def _tensor(self, name: str, left: Tensor, right: Tensor, tolerance: Tolerance) -> None:
        if (left.dtype, left.shape) != (right.dtype, right.shape):
            size = max(math.prod(left.shape), math.prod(right.shape), 1)
            self._sum.total += size
            self._differs(name, {"left": _short(left), "right": _short(right)}, size, size)
            return
        found = distance(left, right, tolerance)
        self._sum.total += found.total
        alone = found.count == found.total == 1  # such as an attribute of HDF5
        if alone and self._left_aside(name, _scalar(found.left), _scalar(found.right)):
            return
        if found.count and not alone and self._column_aside(name, left, right):
            return
        if len(left.shape) == 1 and 0 < found.count <= _ORDERED - len(self._sum.pairs):
            self._sum.pairs += [(mine, yours) for _, mine, yours in differing(left, right)]
        if found.count:
            where = {
                "index": _index(found.index or 0, left.shape),
                "dtype": left.dtype,
                "shape": list(left.shape),
            }
            self._add(name, found, where, tolerance)

    def _column_aside(self, name: str, left: Tensor, right: Tensor) -> bool:
        """The same for a column of numbers, where it holds for each that differs."""
        if len(left.shape) != 1 or not self._chances.like(name, left, right, self._except_times):
            return False
        for place, *values in differing(left, right):
            self._chances.add(f"{name}[{place}]", *values, sure=self._except_times)
            self._sum.ignored += self._except_times
        if self._except_times:
            self._parts.differs(name)
        return self._except_times

    def _add(self, name: str, found: Distance, where: dict[str, Any], tolerance: Tolerance) -> None:
        """Without a tolerance other bits differ, be it only the sign of a zero."""
        far = {key: getattr(found, key) for key in ("ulp", "abs", "rel")}
        place = {
            **where,
            "left": _short(found.left),
            "right": _short(found.right),
            "count": found.count,
            **far,
        }
        beyond = found.beyond if tolerance != Tolerance() else found.count
        self._differs(name, place, found.count, beyond)
        for measure, value in far.items():
            before = getattr(self._sum, measure)
            if value is not None:
                setattr(self._sum, measure, value if before is None else max(before, value))

    def _differs(self, name: str, place: dict[str, Any], count: int, beyond: int) -> None:
        self._sum.count += count
        self._sum.beyond += beyond
        self._sum.leaves += 1
        self._parts.differs(name)
        if len(self._sum.places) < _SHOWN:
            self._sum.places.append({"name": name, **place})

    def _report(self, left: Content, reordered: bool) -> dict[str, Any]:
        """The details; absent keys are absent facts."""
        found, places = self._sum, self._sum.places
        whole = not found.missing and not found.extra
        detail: dict[str, Any] = {
            "same": whole and found.count == 0 and not found.ignored,
            "within": whole and found.beyond == 0,
            "format": left.format,
            "reader": ", ".join(left.readers) or None,
            "first": places[0] if places else None,
            "ulp": found.ulp,
            "abs": found.abs,
            "rel": found.rel,
            "count": found.count,
            "total": found.total,
            "leaves_that_differ": found.leaves,
        }
        if len(places) > 1:
            detail["differences"] = places
        if not whole:
            detail |= {"missing": found.missing[:_SHOWN], "extra": found.extra[:_SHOWN]}
        more = {"by_chance": self._chances.report(), "equal_parts": self._parts.equal()}
        detail |= {name: said for name, said in more.items() if said}
        return detail | self._treated() | self._looks(whole, reordered)

    def _treated(self) -> dict[str, Any]:
        if not self._treatments and not self._except_times:
            return {}
        unused = self._treatments.unused
        return {"ignored_leaves": self._sum.ignored} | (
            {"unused_patterns": unused} if unused else {}
        )

    def _looks(self, whole: bool, reordered: bool) -> dict[str, str]:
        if self._sum.count == 0:
            return {"looks_like": "the order of keys"} if whole and reordered else {}
        pairs = self._sum.pairs
        looks_like = looks.of_pairs(pairs, everything=len(pairs) == self._sum.count)
        return {"looks_like": looks_like} if looks_like else {}


def _partners(ours: Mapping[str, Leaf], theirs: Mapping[str, Leaf]) -> dict[str, str]:
    """Names of values that differ only by what a clock or a generator gave, and their names on the
    other side; none where that is not one to one.
    """
    alone = [name for name in ours if name not in theirs]
    others = [name for name in theirs if name not in ours]
    if len(alone) != len(others) or len(alone) > _RENAMED:
        return {}
    return {
        name: other
        for name, other in zip(alone, others, strict=True)
        if chance.kind_of("", name, other, sure=True) is not None
    }


def _values(leaf: Leaf) -> int:
    if isinstance(leaf, Tensor):
        return math.prod(leaf.shape)
    return len(leaf.values) if isinstance(leaf, Rows) else 1


def _exactly(left: Any, right: Any) -> bool:
    """The same type and value; of floats the same bits."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("<d", left) == struct.pack("<d", right)
    return bool(left == right)


def _number(leaf: Any) -> bool:
    return isinstance(leaf, int | float | Decimal) and not isinstance(leaf, bool)


def _spelled(leaf: Any) -> bool:
    """Whether it is a number of a text format, where all numbers are of one type."""
    return isinstance(leaf, Int | Real | Decimal)


def scalar_distance(left: Any, right: Any, tolerance: Tolerance) -> Distance:
    """How two numbers differ that are not the same; exact, also beyond what a double holds."""
    found = Distance(total=1, count=1, left=left, right=right)
    gap, size = _gap(left, right), _exact(left)
    if gap is not None and size is not None:
        found.abs = _float(gap)
        found.rel = _float(gap / abs(size)) if size else None
    whole = isinstance(left, int) and isinstance(right, int)
    if not whole and all(isinstance(n, float) or _is_double(n) for n in (left, right)):
        found.ulp = _ulps(float(left), float(right))
    found.beyond = not _passes(found, gap, size, tolerance)
    return found


def _passes(
    found: Distance, gap: Fraction | None, size: Fraction | None, tolerance: Tolerance
) -> bool:
    if gap is None or size is None or tolerance == Tolerance():
        return False
    near = gap <= Fraction(tolerance.atol) + Fraction(tolerance.rtol) * abs(size)
    return near or (found.ulp is not None and found.ulp <= tolerance.ulp)


def _is_double(number: Any) -> bool:
    return isinstance(number, int) and abs(number) <= 1 << 53


def _exact(number: Any) -> Fraction | None:
    """The value; None for what is not finite, or too long to be written out."""
    if isinstance(number, Decimal):
        far = not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT
        return None if far else Fraction(number)
    return Fraction(number) if isinstance(number, int) or math.isfinite(number) else None


def _gap(left: Any, right: Any) -> Fraction | None:
    one, other = _exact(left), _exact(right)
    return None if one is None or other is None else abs(one - other)


def _float(number: Fraction) -> float | None:
    try:
        return float(number)
    except OverflowError:
        return None


def _ulps(left: float, right: float) -> int | None:
    if not (math.isfinite(left) and math.isfinite(right)):
        return None
    places = (struct.unpack("<q", struct.pack("<d", abs(number)))[0] for number in (left, right))
    one, other = (
        place if math.copysign(1, number) > 0 else -place
        for place, number in zip(places, (left, right), strict=True)
    )
    return int(abs(one - other))


def _index(flat: int, shape: tuple[int, ...]) -> list[int]:
    found = []
    for length in reversed(shape):
        found.append(flat % length)
        flat //= length
    return found[::-1]


def _short(value: Any) -> Any:
    """A leaf as JSON can say it."""
    if isinstance(value, Tensor):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, Decimal):
        return str(value)[:200]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value) if abs(value) < 2**63 else _digits(value)
    return value[:200] if isinstance(value, str) else value


def _shorts(left: Any, right: Any) -> tuple[Any, Any]:
    """Two leaves as JSON can say them; of long texts the part around the first difference."""
    if isinstance(left, str) and isinstance(right, str):
        return windows.around(left, right)
    return _short(left), _short(right)


def _digits(value: int) -> str:
    return str(value)[:200] if value.bit_length() < 10_000 else f"about 2**{value.bit_length()}"


def _require_same_rest(ours: Sequence[Piece], theirs: Sequence[Piece]) -> None:
    """Raises Unreadable, with the offset, where two rests differ."""
    if [(one.member, one.sha256) for one in ours] == [(one.member, one.sha256) for one in theirs]:
        return
    for one, other in _pairs_of(ours, theirs):
        if one is None or other is None or (one.member, one.sha256) != (other.member, other.sha256):
            raise Unreadable(
                "the values agree, but bytes that no reader accounts for do not: "
                f"{_where('first', one, other)}, {_where('second', other, one)}"
            )


def _pairs_of(
    ours: Sequence[Piece], theirs: Sequence[Piece]
) -> Iterator[tuple[Piece | None, Piece | None]]:
    for place in range(max(len(ours), len(theirs))):
        yield (
            ours[place] if place < len(ours) else None,
            theirs[place] if place < len(theirs) else None,
        )


def _where(side: str, piece: Piece | None, other: Piece | None) -> str:
    if piece is None:
        return f"none in the {side}"
    offset = piece.offset + (_first_difference(piece, other) if other else 0)
    return f"offset {offset:,}{f' of {piece.member[:-1]}' if piece.member else ''} in the {side}"


def _first_difference(one: Piece, other: Piece) -> int:
    with one.path.open("rb") as ours, other.path.open("rb") as theirs:
        ours.seek(one.offset)
        theirs.seek(other.offset)
        for start in range(0, min(one.size, other.size), _CHUNK):
            size = min(_CHUNK, one.size - start, other.size - start)
            mine, yours = ours.read(size), theirs.read(size)
            if mine != yours:
                return start + next(i for i in range(size) if mine[i] != yours[i])
    return min(one.size, other.size)


def values(content: Content, wanted: Callable[[str], bool], most: int) -> list[dict[str, Any]]:
    """Leaves as JSON can say them: `name` and `value`, or `name`, `dtype`, `shape` and `values`.

    Args:
        wanted: asked by name.
        most: how many numbers of one array are given; `cut` says that there are more.
    """
    found: list[dict[str, Any]] = []
    for name, leaf in content.leaves.items():
        found.extend(_told(name, leaf, wanted, most))
    return found


def _told(
    name: str, leaf: Leaf, wanted: Callable[[str], bool], most: int
) -> Iterable[dict[str, Any]]:
    if isinstance(leaf, Rows):
        for one, value in leaf.items(base(name, leaf)):
            if wanted(one):
                yield {"name": one, "value": _short(value)}
    elif wanted(name) and isinstance(leaf, Tensor):
        flat = leaf.load().reshape(-1)
        known = {"name": name, "dtype": leaf.dtype, "shape": list(leaf.shape)}
        numbers = [_short(value) if _json(value) else str(value) for value in flat[:most].tolist()]
        yield known | {"values": numbers} | ({"cut": True} if flat.size > most else {})
    elif wanted(name):
        yield {"name": name, "value": _short(leaf)}


def _json(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | None)


__all__ = ["Blob", "Content", "Leaf", "Piece", "Scalar", "Span", "Treatment", "compare", "key"]


def _scalar(value: Any) -> Any:
    """A number of NumPy as Python's."""
    return value.item() if hasattr(value, "item") else value
