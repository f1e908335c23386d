"""Mean, spread and intervals of few values; expected numbers are worked out from the definitions."""

from __future__ import annotations

import math

import pytest

from reprobox.kit.spread import Spread, difference, spread, t_975


def test_no_value_has_no_spread_and_one_has_no_interval() -> None:
    assert spread([]) is None
    assert spread([2.5]) == Spread(count=1, mean=2.5, sd=None, half=None, low=2.5, high=2.5)


def test_the_interval_of_a_mean_is_students() -> None:
    found = spread([1.0, 2.0, 3.0, 4.0])
    assert found is not None
    assert (found.mean, found.low, found.high) == (2.5, 1.0, 4.0)
    assert found.sd == pytest.approx(1.290994, abs=1e-6)
    assert found.half == pytest.approx(2.054260, abs=1e-3)


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_not_averaged_away(odd: float) -> None:
    found = spread([1.0, odd])
    assert found is not None
    assert not math.isfinite(found.mean)
    assert (found.sd, found.half) == (None, None)


@pytest.mark.parametrize(
    ("freedom", "t"), [(0.5, 12.706), (1, 12.706), (1.9, 12.706), (30, 2.042), (31, 2.042)]
)
def test_the_quantile_is_never_below_that_of_fewer_degrees(freedom: float, t: float) -> None:
    assert t_975(freedom) == t
    assert t_975(1000) == 1.980


def test_the_difference_of_two_means_is_welchs() -> None:
    found = difference([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0])
    assert found is not None
    assert found[0] == -2.5
    # 4.41 degrees of freedom; the table has 4.
    assert found[1] == pytest.approx(2.776 * math.sqrt(1.25 / 3 + 5 / 3), abs=1e-3)
    assert difference([1.0, 1.0], [1.0, 1.0]) == (0.0, 0.0)
    assert difference([1.0], [1.0, 2.0]) is None
