"""Mean, spread and confidence interval of a few repeated measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reprobox.kit.lazy_dataclass import dataclass

_T_975 = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.16,
    2.145,
    2.131,
    2.12,
    2.11,
    2.101,
    2.093,
    2.086,
    2.08,
    2.074,
    2.069,
    2.064,
    2.06,
    2.056,
    2.052,
    2.048,
    2.045,
    2.042,
)
"""97.5 % quantiles of Student's t for 1 to 30 degrees of freedom (NIST handbook 1.3.6.7.2)."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A sample: `sd` is the sample's (n - 1), `half` the half width of the 95 % interval of the
    mean (Student's t); both are None for a single value.
    """

    count: int
    mean: float
    sd: float | None
    half: float | None
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread | None:
    """None for no values; NaN and infinite values make the mean so."""
    if not values:
        return None
    import statistics  # with fractions and decimal; a list of runs has mostly nothing to spread

    count, mean = len(values), statistics.fmean(values)
    sd = half = None
    if count > 1 and math.isfinite(mean):
        sd = statistics.stdev(values)
        half = t_975(count - 1) * sd / math.sqrt(count)
    return Spread(count=count, mean=mean, sd=sd, half=half, low=min(values), high=max(values))


def t_975(freedom: float) -> float:
    """Student's t at 97.5 %, for at least 1 degree of freedom; never below the exact value's table
    entry for fewer degrees.
    """
    whole = max(1, int(freedom))
    if whole <= len(_T_975):
        return _T_975[whole - 1]
    return 2.042 if whole < 40 else 2.021 if whole < 60 else 2.000 if whole < 120 else 1.980


def difference(one: Sequence[float], other: Sequence[float]) -> tuple[float, float] | None:
    """Difference of the means (one minus other) and the half width of its 95 % interval by Welch's
    test; None where either has fewer than two values.
    """
    if len(one) < 2 or len(other) < 2:
        return None
    import statistics

    parts = [statistics.variance(side) / len(side) for side in (one, other)]
    total = sum(parts)
    apart = statistics.fmean(one) - statistics.fmean(other)
    if total == 0:
        return apart, 0.0
    freedom = total**2 / sum(
        part**2 / (len(side) - 1) for part, side in zip(parts, (one, other), strict=True)
    )
    return apart, t_975(freedom) * math.sqrt(total)
