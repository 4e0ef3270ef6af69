"""Confidence sequences, against gbstats' figures and by simulation of daily looks."""

import numpy as np
import pytest

from stats.difference import Difference, Undefined
from stats.estimates import Alternative, Estimate
from stats.means import Moments
from stats.relative import relative_difference
from stats.sequential import ConfidenceSequence, confidence_sequence, sequence_boundary


def sequence(estimate: float, standard_error: float, n: int, *, level: float = 0.95) -> ConfidenceSequence:
    result = confidence_sequence(estimate, standard_error, n, level=level)
    assert isinstance(result, ConfidenceSequence)
    return result


def test_figures_of_gbstats() -> None:
    control, treatment = (
        Estimate(moments.mean, moments.variance, moments.n)
        for moments in (Moments.from_sums(3_000, 1_396.87, 52_377.9767), Moments.from_sums(3_461, 2_422.7, 134_698.29))
    )
    relative = relative_difference(control, treatment)
    assert isinstance(relative, Difference)
    assert relative.standard_error is not None
    result = confidence_sequence(relative.estimate, relative.standard_error, 6_461, tuning_sample_size=1_000)
    assert isinstance(result, ConfidenceSequence)
    assert round(result.estimate, 5) == 0.50336
    assert (round(result.lower, 5), round(result.upper, 5)) == (-0.55844, 1.56516)


def test_p_value_is_the_level_at_which_the_sequence_touches_zero() -> None:
    edge = sequence(0, 0.02, 8_000).upper
    assert sequence(edge, 0.02, 8_000).p_value == pytest.approx(0.05)
    assert sequence(edge, 0.02, 8_000).lower == pytest.approx(0)
    assert sequence(1.1 * edge, 0.02, 8_000).p_value < 0.05 < sequence(0.9 * edge, 0.02, 8_000).p_value
    assert sequence(0, 0.02, 8_000).p_value == 1


@pytest.mark.parametrize("alternative", ["two_sided", "greater", "less"])
@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.01, 1e-6])
@pytest.mark.parametrize(("n", "tuning"), [(8_000, 5_000), (10, 10**12), (10**9, 1)])
def test_the_boundary_is_where_the_p_value_is_alpha(
    alternative: Alternative, alpha: float, n: int, tuning: int
) -> None:
    boundary = sequence_boundary(0.02, n, alpha=alpha, level=0.9, tuning_sample_size=tuning, alternative=alternative)
    sign = -1 if alternative == "less" else 1
    found = confidence_sequence(sign * boundary, 0.02, n, level=0.9, tuning_sample_size=tuning, alternative=alternative)
    assert isinstance(found, ConfidenceSequence)
    assert found.p_value == pytest.approx(alpha, rel=1e-6)


def test_the_boundary_at_the_sequences_own_level_is_its_half_width() -> None:
    assert sequence_boundary(0.02, 8_000, alpha=0.05) == pytest.approx(sequence(0, 0.02, 8_000).upper)


@pytest.mark.parametrize(("standard_error", "n"), [(0.0, 100), (0.1, 0)])
def test_undefined_says_why(standard_error: float, n: int) -> None:
    assert confidence_sequence(0.1, standard_error, n) == Undefined("no variance to bound the difference with")


def test_daily_looks_at_equal_groups_seldom_find_a_difference() -> None:
    """The plain z test looked at every day errs far above its nominal 5 %, the sequence does not."""
    rng = np.random.default_rng(20_260_103)
    a_a_tests, days, users = 2_000, 14, 500
    daily = rng.binomial(users, 0.1, size=(2, a_a_tests, days)).cumsum(axis=2)
    n = users * np.arange(1, days + 1)
    rate_c, rate_t = daily / n
    standard_errors = np.sqrt((rate_c * (1 - rate_c) + rate_t * (1 - rate_t)) / n)
    by_z = np.abs(rate_t - rate_c) / standard_errors > 1.959964
    half_widths = np.array([sequence(0, 1, int(2 * units)).upper for units in n]) * standard_errors
    by_sequence = np.abs(rate_t - rate_c) > half_widths
    assert 0.18 < by_z.any(axis=1).mean() < 0.26
    assert by_sequence.any(axis=1).mean() < 0.03
