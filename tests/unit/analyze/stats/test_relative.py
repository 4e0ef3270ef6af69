"""Relative differences, against gbstats' figures."""

import pytest
from scipy.special import stdtrit

from stats.difference import Difference, Undefined
from stats.estimates import Estimate
from stats.means import Moments
from stats.relative import FIELLER, fieller, relative_difference


def estimate(moments: Moments) -> Estimate:
    return Estimate(moments.mean, moments.variance, moments.n)


def test_means_of_gbstats() -> None:
    result = relative_difference(
        estimate(Moments.from_sums(3_407, 1_396.87, 52_377.9767)),
        estimate(Moments.from_sums(3_461, 2_422.7, 134_698.29)),
    )
    assert isinstance(result, Difference)
    assert round(result.estimate, 5) == 0.70732
    assert (round(result.lower, 5), round(result.upper, 5)) == (-0.03526, 1.44989)
    assert result.standard_error == pytest.approx(0.37879, abs=5e-6)
    assert round(result.p_value, 5) == 0.06191


def test_proportions_of_gbstats() -> None:
    result = relative_difference(Estimate(14 / 28, 0.25, 28), Estimate(16 / 30, 16 / 30 * 14 / 30, 30))
    assert isinstance(result, Difference)
    assert round(result.estimate, 5) == 0.06667
    assert (round(result.lower, 5), round(result.upper, 5)) == (-0.47767, 0.61101)
    assert result.standard_error == pytest.approx(0.2717, abs=5e-6)
    assert round(result.p_value, 5) == 0.80707


def test_negative_baseline_keeps_the_direction() -> None:
    result = relative_difference(Estimate(-10, 4, 100), Estimate(-8, 4, 100))
    assert isinstance(result, Difference)
    assert result.estimate == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        (Estimate(0.1, 4, 100), Estimate(0.5, 4, 100), "the control's interval contains 0"),
        (Estimate(0, 0, 100), Estimate(0.5, 0.25, 100), "the control's interval contains 0"),
        (Estimate(1, 0, 100), Estimate(1, 0, 100), "the values do not vary in either group"),
        (Estimate(1, 0.1, 1), Estimate(1, 0.1, 100), "a group has fewer than two units"),
        (Estimate(1, 0.1, 100), Estimate(0, 0, 100), "the relative difference has no variance"),
    ],
)
def test_undefined_says_why(control: Estimate, treatment: Estimate, reason: str) -> None:
    assert relative_difference(control, treatment) == Undefined(reason)


def fiellers(control: Estimate, treatment: Estimate) -> Difference:
    found = fieller(control, treatment)
    assert isinstance(found, Difference)
    return found


def test_fieller_bounds_are_the_ratios_that_a_t_test_just_does_not_refuse() -> None:
    control, treatment = Estimate(10, 400, 100), Estimate(13, 900, 120)
    found = fiellers(control, treatment)
    for bound in (found.lower, found.upper):
        ratio = 1 + bound
        t = (13 - ratio * 10) / (900 / 120 + ratio**2 * 400 / 100) ** 0.5
        assert abs(t) == pytest.approx(float(stdtrit(found.degrees_of_freedom or 0.0, 0.975)), rel=1e-9)
    assert found.method == FIELLER
    assert found.estimate == pytest.approx(0.3)
    # It is askew: farther above the estimate than below.
    assert found.upper - found.estimate > found.estimate - found.lower


def test_fieller_nears_the_delta_method_as_units_come() -> None:
    control, treatment = Estimate(10, 400, 10**7), Estimate(10.1, 410, 10**7)
    delta, found = relative_difference(control, treatment), fiellers(control, treatment)
    assert isinstance(delta, Difference)
    assert (found.lower, found.upper) == pytest.approx((delta.lower, delta.upper), rel=1e-3)


def test_fieller_of_a_baseline_below_zero_is_the_mirror_image() -> None:
    above = fiellers(Estimate(10, 400, 100), Estimate(13, 900, 120))
    below = fiellers(Estimate(-10, 400, 100), Estimate(-13, 900, 120))
    assert below.estimate == -above.estimate
    assert (below.lower, below.upper) == pytest.approx((-above.upper, -above.lower))


def test_fieller_is_undefined_near_a_baseline_of_zero() -> None:
    assert fieller(Estimate(1, 400, 100), Estimate(13, 900, 120)) == Undefined("the control's interval contains 0")
    # The baseline's own t has 9 degrees of freedom and keeps clear of 0; that of the difference has 1.
    control, treatment = Estimate(10, 150, 10), Estimate(13, 1e9, 2)
    assert fieller(control, treatment) == Undefined("the control's interval contains 0")
    assert fieller(Estimate(1, 0, 5), Estimate(1, 0, 5)) == Undefined("the values do not vary in either group")
    assert fieller(Estimate(1, 1, 1), Estimate(1, 1, 5)) == Undefined("a group has fewer than two units")


def test_a_baseline_next_to_nothing_is_none() -> None:
    tiny = Estimate(1e-150, 0, 10)
    assert relative_difference(tiny, Estimate(1, 1, 10)) == Undefined("the control's value is too close to 0")
