"""From values to places on an axis, and where its ticks are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_TICKS = 5
_FAR = 1e300
"""Beyond, the width of an axis would be no number."""
_DECADES = 100.0
"""From this ratio of largest to smallest positive value on, an axis is logarithmic."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A numeric axis from `low` to `high`, drawn from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value is drawn."""
        low, high, at = (self._linear(one) for one in (self.low, self.high, value))
        share = 0.5 if high == low else min(1.0, max(0.0, (at - low) / (high - low)))
        return round(self.start + share * (self.end - self.start), 2)

    def _linear(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.log else value

    def ticks(self) -> list[float]:
        """Round values inside the axis."""
        return _decades(self.low, self.high) if self.log else _round(self.low, self.high)


def numeric(values: Sequence[float], start: float, end: float, *, log: bool | None = None) -> Scale:
    """The axis of some values; those that are not finite are left aside.

    Args:
        log: None: decided by the values.
    """
    finite = [max(-_FAR, min(_FAR, value)) for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    if log is None:
        log = low > 0 and high / low >= _DECADES
    log = log and low > 0
    if not log:
        low, high = _widened(low, high)
    elif low == high:
        low, high = low / 2, high * 2
    return Scale(low=low, high=high, start=start, end=end, log=log)


def _widened(low: float, high: float) -> tuple[float, float]:
    margin = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _round(low: float, high: float) -> list[float]:
    step = _step(0.85 * (high - low) / _TICKS)
    first = math.ceil(low / step)
    count = math.floor(high / step) - first + 1
    return [(first + number) * step for number in range(max(0, min(count, 4 * _TICKS)))]


def _step(raw: float) -> float:
    if not math.isfinite(raw) or raw <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= raw), 10 * power)


def _decades(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = max(1, (last - first) // _TICKS)
    found = [10.0**power for power in range(first, last + 1, every)]
    return found if len(found) > 1 else [low, high]


def tick_text(value: float) -> str:
    """A tick's label."""
    return "0" if abs(value) < 1e-12 else f"{value:.4g}"
