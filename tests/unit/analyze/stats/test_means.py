"""Means, against gbstats' figures and scipy, and the merging of partial sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from stats.difference import Difference, Undefined
from stats.means import Moments, cohens_d, mean_interval, welch

values = st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=60)


def test_figures_of_gbstats() -> None:
    result = welch(Moments.from_sums(3_407, 1_396.87, 52_377.9767), Moments.from_sums(3_461, 2_422.7, 134_698.29))
    assert isinstance(result, Difference)
    assert round(result.estimate, 5) == 0.29
    assert (round(result.lower, 5), round(result.upper, 5)) == (0.04538, 0.53462)
    assert result.standard_error == pytest.approx(0.12478, abs=5e-6)
    assert round(result.p_value, 5) == 0.02016


@pytest.mark.parametrize("seed", range(5))
def test_equals_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    control, treatment = rng.gamma(1.5, 20, size=90), rng.gamma(2, 18, size=140)
    result = welch(Moments.of(control), Moments.of(treatment))
    oracle = ttest_ind(treatment, control, equal_var=False)
    interval = oracle.confidence_interval()
    assert isinstance(result, Difference)
    assert result.statistic == pytest.approx(oracle.statistic)
    assert result.p_value == pytest.approx(oracle.pvalue)
    assert result.degrees_of_freedom == pytest.approx(oracle.df)
    assert (result.lower, result.upper) == pytest.approx((interval.low, interval.high))


@given(values, values)
def test_merging_equals_one_pass(first: list[float], second: list[float]) -> None:
    merged, whole = Moments.of(first).merge(Moments.of(second)), Moments.of(first + second)
    assert merged.n == whole.n
    assert merged.total == pytest.approx(whole.total, rel=1e-9, abs=1e-3)
    assert merged.m2 == pytest.approx(whole.m2, rel=1e-9, abs=1e-3)


@given(values, values)
def test_swapping_the_groups_flips_the_sign(first: list[float], second: list[float]) -> None:
    forth, back = (welch(Moments.of(a), Moments.of(b)) for a, b in ((first, second), (second, first)))
    if isinstance(forth, Undefined):
        assert back == forth
        return
    assert isinstance(back, Difference)
    assert forth.estimate == -back.estimate
    assert (forth.lower, forth.upper) == pytest.approx((-back.upper, -back.lower))
    assert forth.p_value == pytest.approx(back.p_value)


def test_nothing_cancels_far_from_zero() -> None:
    far = Moments.of(1e9 + x for x in (4.0, 7.0, 13.0, 16.0))
    assert far.variance == 30.0
    assert far.merge(far).m2 == pytest.approx(180.0)


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ([1.0], [1.0, 2.0], "a group has fewer than two units"),
        ([3.0, 3.0], [4.0, 4.0], "the values do not vary in either group"),
    ],
)
def test_undefined_says_why(control: list[float], treatment: list[float], reason: str) -> None:
    assert welch(Moments.of(control), Moments.of(treatment)) == Undefined(reason)
    assert cohens_d(Moments.of(control), Moments.of(treatment)) == Undefined(reason)


def test_interval_of_one_mean() -> None:
    # Mean 10, variance 30, n 4: t(3, 0.975) = 3.182446, half-width 3.182446 sqrt(30 / 4).
    interval = mean_interval(Moments.of([4, 7, 13, 16]))
    assert interval == pytest.approx((10 - 8.715488, 10 + 8.715488), abs=1e-5)
    assert mean_interval(Moments.of([1.0])) == Undefined("the group has fewer than two units")


def test_cohens_d_uses_the_pooled_deviation() -> None:
    # Variances 1 and 9 in groups of 3 pool to 5.
    assert cohens_d(Moments.of([1, 2, 3]), Moments.of([3, 6, 9])) == pytest.approx(4 / 5**0.5)


def test_coverage_by_simulation() -> None:
    rng = np.random.default_rng(20_260_102)
    covered = 0
    for _ in range(2_000):
        result = welch(Moments.of(rng.exponential(10, 80).tolist()), Moments.of(rng.exponential(12, 120).tolist()))
        assert isinstance(result, Difference)
        covered += result.lower <= 2 <= result.upper
    assert 0.935 <= covered / 2_000 <= 0.965
