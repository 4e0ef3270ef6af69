"""Trend, against scipy's linear regression."""

import numpy as np
import pytest
from scipy.stats import linregress, t

from stats.difference import Undefined
from stats.trend import Trend, trend


@pytest.mark.parametrize("seed", range(4))
def test_equals_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = np.array([0.0, 1, 2, 4, 5, 7, 8, 9])
    values = 1e9 + 0.02 * days + rng.normal(0, 0.1, len(days))
    found = trend(days.tolist(), values.tolist())
    oracle = linregress(days, values - 1e9)
    assert isinstance(found, Trend)
    assert found.slope == pytest.approx(oracle.slope, rel=1e-6, abs=1e-8)
    assert found.standard_error == pytest.approx(oracle.stderr, rel=1e-6)
    assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-5)
    half = t.ppf(0.975, 6) * oracle.stderr
    assert (found.lower, found.upper) == pytest.approx((oracle.slope - half, oracle.slope + half), abs=1e-7)


@pytest.mark.parametrize(("slope", "direction"), [(0.5, "up"), (-0.5, "down"), (0.0, "no trend")])
def test_only_a_significant_slope_is_a_trend(slope: float, direction: str) -> None:
    days = [float(day) for day in range(14)]
    wiggle = np.random.default_rng(9).normal(0, 0.5, 14)
    found = trend(days, [slope * day + each for day, each in zip(days, wiggle, strict=True)])
    assert isinstance(found, Trend)
    assert found.direction == direction


def test_undefined_says_why() -> None:
    assert trend([0, 1], [1, 2]) == Undefined("fewer than three days")
    assert trend([0, 1, 2], [0.1, 0.2, 0.3]) == Undefined("the daily values do not scatter")
    assert trend([0, 1, 2], [5, 5, 5]) == Undefined("the daily values do not scatter")
