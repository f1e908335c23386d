"""How far two arrays are from each other: how many elements differ, by how many ulp, and where
first.

An ulp distance counts the representable numbers between two values of one type: the sign and
magnitude of IEEE 754 are laid on one line of integers, where -0.0 and 0.0 are the same point. This
module is imported in the reader's process only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from reprobox.kit.lazy_dataclass import dataclass

_CHUNK = 1 << 20
_FLOATS: dict[str, tuple[type[np.unsignedinteger[Any]], int]] = {
    "float8_e4m3fn": (np.uint8, 7),
    "float8_e5m2": (np.uint8, 7),
    "float16": (np.uint16, 15),
    "bfloat16": (np.uint16, 15),
    "float32": (np.uint32, 31),
    "float64": (np.uint64, 63),
}
Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An array that is read when it is needed. bfloat16 is carried as uint16, types that NumPy
    lacks as unsigned integers.
    """

    dtype: str
    shape: tuple[int, ...]
    load: Callable[[], Array]
    whole: bool = False
    """Floats that stand for integers, as a column of a table does: there are no ulp between."""
    memory: Any = None
    """What it shares with other tensors that look into the same storage; None where that is not
    known.
    """


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """What a rule lets pass; zeros let equal numbers pass only. An infinity or a NaN is near to
    nothing, whatever a rule says.
    """

    ulp: int = 0
    atol: float = 0.0
    rtol: float = 0.0


@dataclass(kw_only=True)
class Distance:
    """How two arrays of one type and shape differ."""

    total: int = 0
    count: int = 0
    """Elements that differ (as bits; NaN with the same bits is equal, -0.0 and 0.0 are not)."""
    beyond: int = 0
    """Elements that differ by more than the tolerance."""
    ulp: int | None = None
    abs: float | None = None
    rel: float | None = None
    """Largest distances; None where nothing differs or the type has none."""
    index: int | None = None
    """Flat index (C order) of the first element that differs."""
    left: Any = None
    right: Any = None
    """That element on both sides."""


def distance(left: Tensor, right: Tensor, tolerance: Tolerance) -> Distance:
    """Compares two tensors of equal type and shape, a million elements at a time."""
    found = Distance()
    ours, theirs = left.load().reshape(-1), right.load().reshape(-1)
    dtype = "whole" if left.whole and right.whole else left.dtype
    for start in range(0, ours.size, _CHUNK):
        _chunk(
            found,
            ours[start : start + _CHUNK],
            theirs[start : start + _CHUNK],
            dtype,
            start,
            tolerance,
        )
    found.total = int(ours.size)
    return found


def differing(left: Tensor, right: Tensor) -> Iterator[tuple[int, Any, Any]]:
    """Flat index and both values of each element that differs, of tensors as in `distance`."""
    ours, theirs = left.load().reshape(-1), right.load().reshape(-1)
    for place in np.flatnonzero(_unlike(ours, theirs)).tolist():
        pair = (_value(side[place : place + 1], left.dtype)[0].item() for side in (ours, theirs))
        yield (place, *pair)


def _chunk(
    found: Distance, left: Array, right: Array, dtype: str, start: int, tolerance: Tolerance
) -> None:
    differ = np.flatnonzero(_unlike(left, right))
    if not differ.size:
        return
    ours, theirs = left[differ], right[differ]
    found.count += int(differ.size)
    if found.index is None:
        found.index = start + int(differ[0])
        found.left, found.right = (
            _plain(_value(side[:1], dtype)[0], whole=dtype == "whole") for side in (ours, theirs)
        )
    if left.dtype.kind in "OUSVb":
        found.beyond += int(differ.size)
        return
    _measure(found, ours, theirs, dtype, tolerance)


def _measure(found: Distance, ours: Array, theirs: Array, dtype: str, tolerance: Tolerance) -> None:
    """Distances of elements that differ."""
    left, right = _value(ours, dtype), _value(theirs, dtype)
    with np.errstate(all="ignore"):
        gap = _gap(left, right)
        scale = np.abs(_wide(left))
        rel = gap / scale
        passed = gap <= tolerance.atol + tolerance.rtol * scale
    if dtype in _FLOATS:
        steps = ulps(ours, theirs, dtype)
        found.ulp = max(found.ulp or 0, int(steps.max()))
        passed |= steps <= tolerance.ulp
    # The gap to an infinity is one, and so is what a relative tolerance makes of it; the last
    # finite number is one ulp away.
    passed = (passed & np.isfinite(gap)) | (left == right)
    found.beyond += int(np.count_nonzero(~passed))
    found.abs = _largest(found.abs, gap)
    found.rel = _largest(found.rel, rel)


def decoded(tensor: Tensor) -> Array:
    """The flat array, with the values of types that NumPy lacks."""
    return _value(tensor.load().reshape(-1), tensor.dtype)


def ulps(left: Array, right: Array, dtype: str) -> npt.NDArray[np.uint64]:
    """Representable numbers between two arrays of a float type, element by element."""
    kind, top = _FLOATS[dtype]
    return _between(
        left.view(kind).astype(np.uint64),
        right.view(kind).astype(np.uint64),
        np.uint64(1) << np.uint64(top),
    )


def _between(
    left: npt.NDArray[np.uint64], right: npt.NDArray[np.uint64], sign: np.uint64
) -> npt.NDArray[np.uint64]:
    size_left, size_right = left & (sign - np.uint64(1)), right & (sign - np.uint64(1))
    apart = (left & sign) != (right & sign)
    same = np.maximum(size_left, size_right) - np.minimum(size_left, size_right)
    result: npt.NDArray[np.uint64] = np.where(apart, size_left + size_right, same)
    return result


def _unlike(left: Array, right: Array) -> Array:
    """Which elements differ as bits; of a long double some bits say nothing, so they are compared
    by value and sign.
    """
    if left.dtype.kind in "OUSV":
        return np.asarray(left != right)
    if left.dtype.kind == "f" and left.dtype.itemsize > 8:
        both = np.isnan(left) & np.isnan(right)
        return np.asarray(~both & ((left != right) | (np.signbit(left) != np.signbit(right))))
    return np.asarray(_bits(left) != _bits(right))


def _bits(array: Array) -> Array:
    if array.dtype.kind == "c":
        return np.ascontiguousarray(array).view(np.dtype((np.void, array.dtype.itemsize)))
    width = (
        {2: np.uint16, 4: np.uint32, 8: np.uint64}.get(array.dtype.itemsize)
        if array.dtype.kind == "f"
        else None
    )
    if array.dtype.kind == "b":
        width = np.uint8  # two bytes that both mean true are not the same byte
    return np.ascontiguousarray(array).view(width) if width is not None else array


def _value(array: Array, dtype: str) -> Array:
    if dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    if dtype == "float8_e5m2":
        return (array.astype(np.uint16) << 8).view(np.float16)
    if dtype == "float8_e4m3fn":
        return _e4m3fn()[array]
    return array


@functools.cache
def _e4m3fn() -> Array:
    """The value of each of the 256 codes: exponents biased by 7, no infinity, NaN where all bits
    are set (OCP OFP8 1.0).
    """
    code = np.arange(256)
    exponent, fraction = (code >> 3) & 15, (code & 7) / 8
    size = np.where(exponent == 0, fraction * 2.0**-6, (1 + fraction) * 2.0 ** (exponent - 7))
    return np.where(code & 127 == 127, np.nan, np.where(code >= 128, -size, size)).astype(
        np.float32
    )


def _gap(left: Array, right: Array) -> Array:
    """Distances, never 0 between integers that differ: from 2**53 on neighbours are one double."""
    if left.dtype.kind in "iu":
        above, below = np.maximum(left, right), np.minimum(left, right)
        # Modulo 2**64 the difference of two 64-bit integers, signed or not, is exact.
        return (above.astype(np.uint64) - below.astype(np.uint64)).astype(np.float64)
    distance: Array = np.abs(_wide(left) - _wide(right))
    return distance


def _wide(array: Array) -> Array:
    """At least double precision; long doubles stay what they are."""
    return array.astype(
        np.result_type(array.dtype, np.complex128 if array.dtype.kind == "c" else np.float64)
    )


def _largest(before: float | None, values: Array) -> float | None:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return before
    return max(before or 0.0, float(finite.max()))


def _plain(value: Any, *, whole: bool = False) -> Any:
    """A value for JSON; floats that JSON cannot say become text."""
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, float):
        if whole and item.is_integer():
            return int(item)
        return item if np.isfinite(item) else repr(item)
    return item if isinstance(item, int | bool | str) else repr(item)
