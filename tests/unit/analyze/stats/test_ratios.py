"""Ratios of totals: the delta method, against the variance of linearised values and a bootstrap."""

import numpy as np
import pytest
from scipy.stats import ttest_ind

from stats.difference import Difference, Undefined
from stats.estimates import Estimate
from stats.paired import PairedMoments
from stats.ratios import compare_ratios, ratio_estimate


def group(seed: int, n: int, rate: float) -> tuple[np.ndarray, np.ndarray, PairedMoments]:
    rng = np.random.default_rng(seed)
    impressions = 1 + rng.poisson(8, n)
    clicks = rng.binomial(impressions, rng.beta(20 * rate, 20 * (1 - rate), n))
    return clicks, impressions, PairedMoments.of(zip(clicks.tolist(), impressions.tolist(), strict=True))


def test_is_welch_on_the_linearised_values() -> None:
    (c_y, c_x, control), (t_y, t_x, treatment) = group(1, 700, 0.2), group(2, 900, 0.23)
    result = compare_ratios(control, treatment)
    linear = [y.sum() / x.sum() + (y - y.sum() / x.sum() * x) / x.mean() for y, x in ((c_y, c_x), (t_y, t_x))]
    oracle = ttest_ind(linear[1], linear[0], equal_var=False)
    interval = oracle.confidence_interval()
    assert isinstance(result, Difference)
    assert result.estimate == pytest.approx(t_y.sum() / t_x.sum() - c_y.sum() / c_x.sum(), rel=1e-12)
    assert result.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    assert (result.lower, result.upper) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_users_bring_more_variance_than_their_impressions_alone() -> None:
    clicks, impressions, moments = group(3, 5_000, 0.2)
    estimate = ratio_estimate(moments)
    assert isinstance(estimate, Estimate)
    rng = np.random.default_rng(4)
    drawn = rng.integers(0, 5_000, (2_000, 5_000))
    bootstrap = (clicks[drawn].sum(axis=1) / impressions[drawn].sum(axis=1)).std()
    assert (estimate.variance / estimate.n) ** 0.5 == pytest.approx(bootstrap, rel=0.06)
    naive = (estimate.value * (1 - estimate.value) / impressions.sum()) ** 0.5
    assert (estimate.variance / estimate.n) ** 0.5 > 1.1 * naive


def test_undefined_says_why() -> None:
    one = PairedMoments.of([(1, 2)])
    fine = PairedMoments.of([(1, 2), (2, 3), (2, 2), (1, 3), (2, 3)])
    none = PairedMoments.of([(0, 0), (0, 0)])
    assert compare_ratios(one, fine) == Undefined("a group has fewer than two units")
    assert compare_ratios(fine, one) == Undefined("a group has fewer than two units")
    assert compare_ratios(fine, none) == Undefined("the denominator's interval contains 0")
    tiny = PairedMoments.of([(1.0, 1e-120), (0.0, 1e-120)])
    assert ratio_estimate(tiny) == Undefined("the denominator is too close to 0")
    fixed = PairedMoments.of([(1 / 3, 1), (2 / 3, 2), (1, 3), (2 / 3, 2), (2 / 3, 2)])
    assert compare_ratios(fixed, fixed) == Undefined("the values do not vary in either group")
