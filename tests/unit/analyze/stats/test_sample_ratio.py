"""Sample ratio, against published figures and scipy."""

import pytest
from scipy.stats import chisquare

from stats.difference import Undefined
from stats.sample_ratio import SampleRatio, sample_ratio


def checked(counts: list[int], weights: list[float]) -> SampleRatio:
    result = sample_ratio(counts, weights)
    assert isinstance(result, SampleRatio)
    return result


def test_published_figures_of_cookie_cats() -> None:
    result = checked([44_700, 45_489], [0.5, 0.5])
    assert round(result.statistic, 3) == 6.902
    assert round(result.p_value, 5) == 0.00861
    assert not result.alarm


def test_equals_scipy_over_three_groups_on_any_scale_of_weights() -> None:
    oracle = chisquare([530, 300, 170], [500, 300, 200])
    result = checked([530, 300, 170], [5, 3, 2])
    assert (result.statistic, result.p_value) == pytest.approx((oracle.statistic, oracle.pvalue))
    assert result.degrees_of_freedom == 2


def test_group_without_units_takes_part() -> None:
    assert checked([100, 0], [0.5, 0.5]).alarm


def test_group_of_weight_0_without_units_does_not() -> None:
    assert checked([50, 50, 0], [0.5, 0.5, 0]).degrees_of_freedom == 1


@pytest.mark.parametrize(
    ("counts", "weights", "reason"),
    [
        ([0, 0], [0.5, 0.5], "no units"),
        ([10, 3], [1, 0], "a group with weight 0 has units"),
        ([10, 0], [1, 0], "fewer than two groups have a weight"),
    ],
)
def test_undefined_says_why(counts: list[int], weights: list[float], reason: str) -> None:
    assert sample_ratio(counts, weights) == Undefined(reason)
