from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.difference import Difference, Undefined
from stats.estimates import Alternative
from stats.inverse_propensity import (
    PropensityMoments,
    WeightedMean,
    hajek_difference,
    hajek_mean,
    horvitz_thompson_difference,
    horvitz_thompson_mean,
)
from stats.means import Moments, mean_interval, welch

units = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.01, 1)), min_size=2, max_size=30)


def mean(estimate: WeightedMean | Undefined) -> WeightedMean:
    assert isinstance(estimate, WeightedMean)
    return estimate


def difference(estimate: Difference | Undefined) -> Difference:
    assert isinstance(estimate, Difference)
    return estimate


def test_the_statistics_of_a_worked_example() -> None:
    # Three units: 10 at probability 1/2, 4 at 1/4, 0 at 1/4; so Σ1/p = 10 and Σy/p = 36, the mean 3.6.
    group = PropensityMoments.of([(10, 0.5), (4, 0.25), (0, 0.25)])
    assert (group.n, group.inverse, group.total, group.squares) == (3, 10, 36, 400 + 256)
    assert group.residual == pytest.approx((2 * 6.4) ** 2 + (4 * 0.4) ** 2 + (4 * 3.6) ** 2)
    hajek = mean(hajek_mean(group))
    assert hajek.estimate == 3.6
    assert hajek.variance == pytest.approx(group.residual / 100 * 3 / 2)
    assert hajek.upper - hajek.estimate == pytest.approx(1.959964 * sqrt(hajek.variance))
    ht = mean(horvitz_thompson_mean(group, 9))
    assert ht.estimate == 4
    assert ht.variance == pytest.approx((656 - 36**2 / 9) / (9 * 8))


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.floats(0.05, 1))
def test_with_one_propensity_for_all_it_is_the_plain_mean(values: list[float], p: float) -> None:
    group, plain = PropensityMoments.of([(y, p) for y in values]), Moments.of(values)
    hajek = mean(hajek_mean(group))
    assert hajek.estimate == pytest.approx(plain.mean, abs=1e-9)
    assert hajek.variance == pytest.approx(plain.variance / plain.n, abs=1e-9)
    assert not isinstance(mean_interval(plain), Undefined)


def test_with_even_weights_the_difference_has_the_standard_error_of_welch() -> None:
    source = np.random.default_rng(1)
    control, treatment = source.normal(5, 2, 400), source.normal(5.3, 3, 500)
    found = difference(
        hajek_difference(
            PropensityMoments.of((float(y), 0.5) for y in control),
            PropensityMoments.of((float(y), 0.5) for y in treatment),
        )
    )
    plain = difference(welch(Moments.of(map(float, control)), Moments.of(map(float, treatment))))
    assert found.estimate == pytest.approx(plain.estimate)
    assert found.standard_error == pytest.approx(plain.standard_error)
    assert found.p_value == pytest.approx(plain.p_value, rel=0.1)


@given(units, units)
def test_swapping_the_groups_turns_the_sign(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    a, b = PropensityMoments.of(first), PropensityMoments.of(second)
    n = len(first) + len(second)
    for there, back in (
        (hajek_difference(a, b), hajek_difference(b, a)),
        (horvitz_thompson_difference(a, b, n), horvitz_thompson_difference(b, a, n)),
    ):
        if isinstance(there, Undefined):
            assert there == back
        else:
            assert (difference(back).estimate, difference(back).p_value) == (-there.estimate, there.p_value)


def test_a_shift_of_all_values_moves_hajek_by_it_and_leaves_its_variance() -> None:
    pairs = [(1.0, 0.2), (3.0, 0.7), (2.0, 0.5)]
    near = mean(hajek_mean(PropensityMoments.of(pairs)))
    far = mean(hajek_mean(PropensityMoments.of([(y + 1e9, p) for y, p in pairs])))
    assert far.estimate == pytest.approx(near.estimate + 1e9)
    assert far.variance == pytest.approx(near.variance, rel=1e-6)


@pytest.mark.parametrize("few", [[], [(1.0, 0.5)]])
def test_too_few_units_have_no_mean_and_no_difference(few: list[tuple[float, float]]) -> None:
    group, enough = PropensityMoments.of(few), PropensityMoments.of([(1.0, 0.5), (2.0, 0.5)])
    assert hajek_mean(group) == Undefined("the group has fewer than two units")
    assert hajek_difference(group, enough) == Undefined("a group has fewer than two units")
    assert horvitz_thompson_mean(group, len(few)) == Undefined("there are fewer than two units")
    assert horvitz_thompson_difference(group, group, len(few)) == Undefined("there are fewer than two units")


def test_values_that_do_not_vary_have_no_test() -> None:
    still = PropensityMoments.of([(0.0, 0.5), (0.0, 0.2)])
    assert hajek_difference(still, still) == Undefined("the values do not vary in either group")
    assert horvitz_thompson_difference(still, still, 4) == Undefined("the values do not vary in either group")


@pytest.mark.parametrize("alternative", ["greater", "less"])
def test_a_one_sided_test_keeps_the_interval(alternative: Alternative) -> None:
    a = PropensityMoments.of([(1.0, 0.5), (2.0, 0.2), (3.0, 0.5)])
    b = PropensityMoments.of([(2.0, 0.5), (3.0, 0.8), (4.0, 0.5)])
    for both, one in (
        (hajek_difference(a, b), hajek_difference(a, b, alternative=alternative)),
        (horvitz_thompson_difference(a, b, 6), horvitz_thompson_difference(a, b, 6, alternative=alternative)),
    ):
        assert isinstance(both, Difference)
        assert isinstance(one, Difference)
        smaller = both.p_value / 2 if (both.estimate > 0) == (alternative == "greater") else 1 - both.p_value / 2
        assert one.p_value == pytest.approx(smaller)
        assert (one.lower, one.upper) == (both.lower, both.upper)
