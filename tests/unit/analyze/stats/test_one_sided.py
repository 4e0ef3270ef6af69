"""One-sided tests, against scipy and statsmodels; the intervals stay two-sided."""

from typing import Literal

import numpy as np
import pytest
from scipy.stats import fisher_exact as scipy_fisher
from scipy.stats import ttest_ind
from statsmodels.stats.proportion import proportions_ztest

from stats.difference import Difference, Undefined
from stats.estimates import Alternative, Estimate, compare_estimates, normal_p_value, t_p_value
from stats.means import Moments, welch
from stats.proportions import Proportion, compare_proportions, fisher_exact
from stats.relative import fieller, relative_difference
from stats.sequential import ConfidenceSequence, confidence_sequence

ScipyAlternative = Literal["greater", "less"]

ONE_SIDED: list[tuple[Alternative, ScipyAlternative, str]] = [
    ("greater", "greater", "larger"),
    ("less", "less", "smaller"),
]


@pytest.mark.parametrize(("alternative", "scipys", "statsmodels"), ONE_SIDED)
def test_proportions(alternative: Alternative, scipys: ScipyAlternative, statsmodels: str) -> None:
    control, treatment = Proportion(100, 1_000), Proportion(127, 1_050)
    result = compare_proportions(control, treatment, alternative=alternative)
    two_sided = compare_proportions(control, treatment)
    oracle = proportions_ztest([127, 100], [1_050, 1_000], alternative=statsmodels)
    assert isinstance(result, Difference)
    assert isinstance(two_sided, Difference)
    assert result.p_value == pytest.approx(oracle[1], rel=1e-9)
    assert (result.lower, result.upper) == (two_sided.lower, two_sided.upper)
    sparse = compare_proportions(Proportion(1, 20), Proportion(4, 22), alternative=alternative)
    assert isinstance(sparse, Difference)
    exact = scipy_fisher(np.array([[4, 18], [1, 19]]), alternative=scipys).pvalue
    assert sparse.p_value == pytest.approx(exact, rel=1e-9)
    assert fisher_exact(Proportion(1, 20), Proportion(4, 22), alternative=alternative) == sparse.p_value


@pytest.mark.parametrize(("alternative", "scipys", "statsmodels"), ONE_SIDED)
def test_means(alternative: Alternative, scipys: ScipyAlternative, statsmodels: str) -> None:
    rng = np.random.default_rng(20_260_117)
    control, treatment = rng.gamma(2, 5, 80), rng.gamma(2, 6, 90)
    c, t = Moments.of(control.tolist()), Moments.of(treatment.tolist())
    result = welch(c, t, alternative=alternative)
    assert isinstance(result, Difference)
    oracle = ttest_ind(treatment, control, equal_var=False, alternative=scipys)
    assert result.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    by_fieller = fieller(c.estimate, t.estimate, alternative=alternative)
    assert isinstance(by_fieller, Difference)
    assert by_fieller.p_value == pytest.approx(result.p_value, rel=1e-12)
    relative = relative_difference(c.estimate, t.estimate, alternative=alternative)
    assert isinstance(relative, Difference)
    assert relative.statistic is not None
    assert relative.degrees_of_freedom is not None
    assert relative.p_value == t_p_value(relative.statistic, relative.degrees_of_freedom, alternative)


def test_both_sides_together_are_the_two_sided_test() -> None:
    for z in (-2.5, 0.0, 1.2):
        smaller = min(normal_p_value(z, "greater"), normal_p_value(z, "less"))
        assert normal_p_value(z) == pytest.approx(2 * smaller)
        assert t_p_value(z, 7) == pytest.approx(2 * min(t_p_value(z, 7, "greater"), t_p_value(z, 7, "less")))


def one_sided(estimate: float, alternative: Alternative = "greater") -> ConfidenceSequence:
    found = confidence_sequence(estimate, 0.02, 8_000, alternative=alternative)
    assert isinstance(found, ConfidenceSequence)
    return found


def test_always_valid_one_sided_p_inverts_the_one_sided_sequence() -> None:
    alpha, n, error = 0.05, 8_000, 0.02
    rho_squared = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / 5_000
    growth = n * rho_squared + 1
    edge = error * np.sqrt(2 * growth / (n * rho_squared) * np.log1p(np.sqrt(growth) / (2 * alpha)))
    assert one_sided(edge).p_value == pytest.approx(alpha, rel=1e-9)
    assert one_sided(-edge, "less").p_value == pytest.approx(alpha, rel=1e-9)
    assert one_sided(edge, "less").p_value == one_sided(-edge).p_value == one_sided(0).p_value == 1
    assert one_sided(1e-9).p_value == 1
    assert one_sided(5.0).p_value == pytest.approx(0, abs=1e-300)
    assert one_sided(edge).p_value < one_sided(edge).p_value * 2 < 0.11
    assert one_sided(edge).lower == pytest.approx(-one_sided(-edge, "less").upper)


def test_an_estimate_of_one_unit_is_not_compared() -> None:
    found = compare_estimates(Estimate(1, 1, 1), Estimate(2, 1, 5), method="any")
    assert found == Undefined("a group has fewer than two units")
