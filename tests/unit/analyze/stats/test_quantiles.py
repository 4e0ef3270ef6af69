"""Quantiles: order statistics, against the asymptotic variance and by coverage."""

import numpy as np
import pytest
from scipy.stats import norm

from stats.difference import Difference, Undefined
from stats.estimates import Estimate
from stats.quantiles import (
    QuantileStatistic,
    Ranks,
    compare_quantiles,
    quantile_estimate,
    quantile_interval,
    ranks,
    standard_error,
)


def statistic(values: np.ndarray, level: float) -> QuantileStatistic:
    return QuantileStatistic.of(values.tolist(), level)


def test_ranks() -> None:
    # n q = 50, z sqrt(100 / 4) = 9.8.
    assert ranks(100, 0.5) == Ranks(40, 50, 60)
    assert ranks(1, 0.9) == Ranks(1, 1, 1)
    assert ranks(10, 0.99) == Ranks(9, 10, 10)
    assert ranks(10, 0.01) == Ranks(1, 1, 1)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9, 0.99])
def test_value_is_numpys_inverted_distribution_function(level: float) -> None:
    values = np.random.default_rng(5).normal(size=997)
    assert statistic(values, level).value == np.quantile(values, level, method="inverted_cdf")


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_standard_error_is_near_the_asymptotic_one(level: float) -> None:
    n = 200_000
    values = np.random.default_rng(6).normal(10, 2, n)
    asymptotic = (level * (1 - level) / n) ** 0.5 / (norm.pdf(norm.ppf(level)) / 2)
    assert standard_error(statistic(values, level)) == pytest.approx(asymptotic, rel=0.15)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_interval_covers_and_the_test_keeps_its_level(level: float) -> None:
    rng = np.random.default_rng(20_260_112)
    n, runs = 400, 1_500
    samples = np.sort(rng.lognormal(1, 0.8, (2, runs, n)), axis=2)
    at = ranks(n, level)
    truth = np.exp(1 + 0.8 * norm.ppf(level))
    covered = found = 0
    for c, t in zip(samples[0], samples[1], strict=True):
        control, treatment = (
            QuantileStatistic(n, level, each[at.at - 1], each[at.lower - 1], each[at.upper - 1]) for each in (c, t)
        )
        interval = quantile_interval(control)
        assert not isinstance(interval, Undefined)
        covered += interval[0] <= truth <= interval[1]
        compared = compare_quantiles(control, treatment)
        assert isinstance(compared, Difference)
        found += compared.p_value < 0.05
    assert covered / runs == pytest.approx(0.95, abs=0.025)
    assert found / runs == pytest.approx(0.05, abs=0.02)


def test_intervals_of_other_levels_are_scaled() -> None:
    group = QuantileStatistic(100, 0.5, 10, 9, 12)
    assert quantile_interval(group) == pytest.approx((9, 12))
    assert quantile_interval(group, level=0.9) == pytest.approx(
        (10 - 1.644854 / 1.959964, 10 + 2 * 1.644854 / 1.959964)
    )


def test_difference() -> None:
    control, treatment = QuantileStatistic(100, 0.5, 10, 9, 11), QuantileStatistic(100, 0.5, 12, 10.5, 13.5)
    result = compare_quantiles(control, treatment)
    # se = sqrt(0.25 / 100) / f with f = (20 / 100) / 2 and (20 / 100) / 3.
    error = (0.5**2 + 0.75**2) ** 0.5
    assert isinstance(result, Difference)
    assert result.estimate == 2
    assert result.standard_error == pytest.approx(error)
    assert result.p_value == pytest.approx(2 * norm.sf(2 / error))
    estimate = quantile_estimate(control)
    assert isinstance(estimate, Estimate)
    assert (estimate.value, estimate.n) == (10, 100)
    assert estimate.variance == pytest.approx(25)


def test_undefined_says_why() -> None:
    empty = QuantileStatistic.of([], 0.5)
    one = QuantileStatistic.of([3.0], 0.5)
    same = QuantileStatistic.of([4.0] * 50, 0.5)
    fine = QuantileStatistic.of([1.0, 2, 3, 4, 5, 6, 7, 8], 0.5)
    assert empty == QuantileStatistic(0, 0.5, 0, 0, 0)
    assert compare_quantiles(one, fine) == Undefined("a group has fewer than two units")
    assert compare_quantiles(fine, same) == Undefined("the values around the quantile are all the same in a group")
    assert quantile_interval(same) == (4, 4)
    assert quantile_interval(one) == Undefined("the group has fewer than two units")
    assert isinstance(quantile_estimate(empty), Undefined)
