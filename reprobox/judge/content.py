"""The content of a file as named leaves, and how two contents compare: once for all formats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reprobox.judge.tensors import Distance, Tensor, Tolerance, distance

Scalar = str | int | float | bool | None
Leaf = Tensor | str | int | float | bool | None
MAX_LEAVES = 2_000_000

_LIKE_OURS = re.compile(r"[][<>]|\((column \d+|nulls)\)$")

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\b1[5-9]\d{8}(\.\d+)?\b|\b2\d{9}(\.\d+)?\b|\b1[5-9]\d{11}\b"
)
_LOOKS = (
    ("a time", _TIME),
    ("a temporary path", re.compile(r"/tm[p]/|tmp[a-z0-9_]{8}")),
    ("a memory address", re.compile(r"0x[0-9a-f]{6,}")),
    (
        "a random identifier",
        re.compile(
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32,}\b"
        ),
    ),
)


class Blob(str):
    """A text that stands for bytes which nobody looked into. They may hold numbers, so they count
    under the rule `tensors` too.
    """


class Unreadable(Exception):
    """The file is not what its format says, or more than a reader may take."""


def put(leaves: dict[str, Leaf], name: str, leaf: Leaf) -> None:
    """Adds a leaf.

    Raises:
        Unreadable: there is one of that name, which would never be compared, or there are too many.
    """
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


def columns(names: Sequence[str]) -> list[str]:
    """A name for each column of a table, no two alike: where its own says too little, its place is
    added.

    What readers put behind a name, `[row]` and ` (nulls)`, no column's own name ends with.
    """
    count = Counter(names)
    return [
        f"{name} (column {place})"
        if not name or count[name] > 1 or _LIKE_OURS.search(name)
        else name
        for place, name in enumerate(names)
    ]


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a file says."""

    format: str
    leaves: Mapping[str, Leaf]


@dataclass(kw_only=True)
class _Sum:
    """The running result over all leaves."""

    total: int = 0
    count: int = 0
    beyond: int = 0
    leaves: int = 0
    ulp: int | None = None
    abs: float | None = None
    rel: float | None = None
    first: dict[str, Any] | None = None
    pairs: list[tuple[Any, Any]] = field(default_factory=list)


def compare(
    left: Content, right: Content, tolerance: Tolerance, *, only_numbers: bool = False
) -> dict[str, Any]:
    """Compares two contents.

    Args:
        only_numbers: leave texts aside (rule `tensors`), but for bytes that may hold numbers.

    Returns:
        `same` (bits of every leaf), `within` (the tolerance), and the details of
        FileVerdict.detail.
    """
    if left.format != right.format:
        return {
            "same": False,
            "within": False,
            "format": left.format,
            "why": f"the other side is {right.format}",
        }
    ours, theirs = _kept(left.leaves, only_numbers), _kept(right.leaves, only_numbers)
    if only_numbers and not ours and not theirs:
        raise Unreadable("there is no number in it to compare")
    result = _Sum()
    missing, extra = (
        [name for name in ours if name not in theirs],
        [name for name in theirs if name not in ours],
    )
    for name, leaf in ours.items():
        if name in theirs:
            _leaf(result, name, leaf, theirs[name], tolerance)
    return _report(left.format, result, missing, extra, list(ours) != list(theirs))


def _kept(leaves: Mapping[str, Leaf], only_numbers: bool) -> Mapping[str, Leaf]:
    if not only_numbers:
        return leaves
    return {
        name: leaf
        for name, leaf in leaves.items()
        if isinstance(leaf, Blob) or not (leaf is None or isinstance(leaf, str))
    }


def _leaf(result: _Sum, name: str, left: Leaf, right: Leaf, tolerance: Tolerance) -> None:
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        _tensor(result, name, left, right, tolerance)
        return
    result.total += 1
    if type(left) is type(right) and left == right:
        return
    if _number(left) and _number(right):
        _numbers(result, name, left, right, tolerance)
        return
    _differs(result, name, {"left": _short(left), "right": _short(right)}, 1, 1)
    result.pairs.append((left, right))


def _number(leaf: Leaf) -> bool:
    return isinstance(leaf, int | float) and not isinstance(leaf, bool)


def _numbers(result: _Sum, name: str, left: Any, right: Any, tolerance: Tolerance) -> None:
    import numpy as np

    if any(isinstance(number, int) and abs(number) >= 2**53 for number in (left, right)):
        _differs(result, name, {"left": _short(left), "right": _short(right)}, 1, 1)
        return
    kind = "int64" if isinstance(left, int) and isinstance(right, int) else "float64"
    ours, theirs = np.array(left, dtype=kind), np.array(right, dtype=kind)
    single = Tensor(dtype=kind, shape=(), load=lambda: ours)
    found = distance(single, Tensor(dtype=kind, shape=(), load=lambda: theirs), tolerance)
    if found.count:
        _add(result, name, found, {})
        result.pairs.append((left, right))


def _tensor(result: _Sum, name: str, left: Tensor, right: Tensor, tolerance: Tolerance) -> None:
    if (left.dtype, left.shape) != (right.dtype, right.shape):
        size = max(_size(left.shape), _size(right.shape), 1)
        result.total += size
        _differs(
            result,
            name,
            {
                "left": f"{left.dtype}{list(left.shape)}",
                "right": f"{right.dtype}{list(right.shape)}",
            },
            size,
            size,
        )
        return
    found = distance(left, right, tolerance)
    result.total += found.total
    if found.count:
        _add(
            result,
            name,
            found,
            {
                "index": _index(found.index or 0, left.shape),
                "dtype": left.dtype,
                "shape": list(left.shape),
            },
        )


def _add(result: _Sum, name: str, found: Distance, where: dict[str, Any]) -> None:
    place = {
        **where,
        "left": found.left,
        "right": found.right,
        "count": found.count,
        "ulp": found.ulp,
        "abs": found.abs,
        "rel": found.rel,
    }
    _differs(result, name, place, found.count, found.beyond)
    for key in ("ulp", "abs", "rel"):
        value, before = getattr(found, key), getattr(result, key)
        if value is not None:
            setattr(result, key, value if before is None else max(before, value))


def _differs(result: _Sum, name: str, place: dict[str, Any], count: int, beyond: int) -> None:
    result.count += count
    result.beyond += beyond
    result.leaves += 1
    if result.first is None:
        result.first = {"name": name, **place}


def _report(
    kind: str, result: _Sum, missing: list[str], extra: list[str], reordered: bool
) -> dict[str, Any]:
    """The details; absent keys are absent facts."""
    whole = not missing and not extra
    detail: dict[str, Any] = {
        "same": whole and result.count == 0,
        "within": whole and result.beyond == 0,
        "format": kind,
        "first": result.first,
        "ulp": result.ulp,
        "abs": result.abs,
        "rel": result.rel,
        "count": result.count,
        "total": result.total,
        "leaves_that_differ": result.leaves,
    }
    if missing or extra:
        detail |= {"missing": missing[:20], "extra": extra[:20]}
    looks = _looks(result.pairs, whole, reordered, result.count)
    return detail | ({"looks_like": looks} if looks else {})


def _looks(pairs: list[tuple[Any, Any]], whole: bool, reordered: bool, count: int) -> str | None:
    """What a difference between texts or single numbers looks like: order, time, path, address,
    identifier.
    """
    if count == 0:
        return "the order of keys" if whole and reordered else None
    if (
        len(pairs) > 1
        and len(pairs) == count
        and Counter(map(repr, (a for a, _ in pairs))) == Counter(map(repr, (b for _, b in pairs)))
    ):
        return "the order of items"
    texts = [(str(left), str(right)) for left, right in pairs[:100]]
    for name, pattern in _LOOKS:
        if texts and all(pattern.search(left) and pattern.search(right) for left, right in texts):
            return name
    return None


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _index(flat: int, shape: tuple[int, ...]) -> list[int]:
    found = []
    for length in reversed(shape):
        found.append(flat % length)
        flat //= length
    return found[::-1]


def _short(value: Any) -> Any:
    if isinstance(value, Tensor):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, float) and not (value == value and abs(value) != float("inf")):
        return repr(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return str(value)[:200]
    return value[:200] if isinstance(value, str) else value
