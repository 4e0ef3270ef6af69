"""Relative differences, against gbstats' figures."""

import pytest

from stats.difference import Difference, Undefined
from stats.means import Moments
from stats.relative import Estimate, relative_difference


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
