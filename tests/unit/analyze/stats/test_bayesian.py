"""Bayesian figures, against draws, adaptive quadrature and closed forms."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta, norm

from stats.bayesian import BETA_METHOD, Beta, compare_normal, compare_rates
from stats.proportions import Proportion

PAIRS = [
    (Proportion(100, 1_000), Proportion(120, 1_000)),
    (Proportion(8_502, 44_700), Proportion(8_279, 45_489)),
    (Proportion(0, 50), Proportion(3, 40)),
    (Proportion(2, 3), Proportion(900, 1_000)),
    (Proportion(0, 0), Proportion(7, 20)),
    (Proportion(985, 1_000), Proportion(1_990, 2_000)),
]


@pytest.mark.parametrize(("control", "treatment"), PAIRS)
def test_equals_adaptive_quadrature(control: Proportion, treatment: Proportion) -> None:
    c, t = (beta(1 + each.successes, 1 + each.n - each.successes) for each in (control, treatment))
    found = compare_rates(control, treatment)
    cuts = sorted({*c.ppf([1e-12, 0.01, 0.5, 0.99, 1 - 1e-12]), *t.ppf([1e-12, 0.01, 0.5, 0.99, 1 - 1e-12])})

    def integral(function: Callable[[float], float]) -> float:
        bounds = [0.0, *cuts, 1.0]
        return sum(quad(function, a, b, epsabs=1e-13)[0] for a, b in pairwise(bounds))

    assert found.probability == pytest.approx(integral(lambda x: c.cdf(x) * t.pdf(x)), abs=1e-9)
    assert found.loss_of_treatment == pytest.approx(integral(lambda x: c.sf(x) * t.cdf(x)), abs=1e-10)
    assert found.loss_of_control == pytest.approx(integral(lambda x: c.cdf(x) * t.sf(x)), abs=1e-10)

    def below(difference: float) -> float:
        return integral(lambda x: c.pdf(x) * t.cdf(x + difference))

    assert (below(found.lower), below(found.upper)) == pytest.approx((0.025, 0.975), abs=1e-6)


def test_closed_form_of_the_uniform_prior() -> None:
    found = compare_rates(Proportion(0, 0), Proportion(0, 0))
    # The difference of two uniform rates is triangular: its distribution function at -1 + sqrt(2 p) is p.
    assert found.probability == pytest.approx(0.5)
    assert found.loss_of_treatment == pytest.approx(1 / 6)
    assert (found.lower, found.upper) == pytest.approx((-1 + 0.05**0.5, 1 - 0.05**0.5))
    assert found.method == BETA_METHOD


def test_losses_differ_by_the_difference_of_the_means() -> None:
    for control, treatment in PAIRS:
        found = compare_rates(control, treatment)
        gap = Beta(1, 1).given(treatment).mean - Beta(1, 1).given(control).mean
        assert found.loss_of_control - found.loss_of_treatment == pytest.approx(gap, abs=1e-10)


def test_swapping_the_groups_mirrors_everything() -> None:
    for control, treatment in PAIRS:
        forth, back = compare_rates(control, treatment), compare_rates(treatment, control)
        assert forth.probability == pytest.approx(1 - back.probability, abs=1e-9)
        assert (forth.lower, forth.upper) == pytest.approx((-back.upper, -back.lower), abs=1e-9)
        assert forth.loss_of_control == pytest.approx(back.loss_of_treatment, abs=1e-12)


def test_the_prior_counts() -> None:
    control, treatment = Proportion(1, 20), Proportion(5, 20)
    assert compare_rates(control, treatment).probability > 0.93
    believing = compare_rates(control, treatment, prior=Beta(100, 900))
    assert believing.probability == pytest.approx(0.62, abs=0.03)


@pytest.mark.parametrize(
    ("control", "treatment"),
    [(Proportion(0, 100), Proportion(0, 100)), (Proportion(100, 100), Proportion(100, 100))],
)
def test_jeffreys_prior_without_a_bound_at_the_edges(control: Proportion, treatment: Proportion) -> None:
    found = compare_rates(control, treatment, prior=Beta(0.5, 0.5))
    assert found.probability == pytest.approx(0.5, abs=1e-9)
    rng = np.random.default_rng(20_260_113)
    draws = rng.beta(0.5, 100.5, 1_000_000) - rng.beta(0.5, 100.5, 1_000_000)
    assert found.upper == pytest.approx(np.quantile(draws, 0.975), rel=0.01)
    assert found.loss_of_control == pytest.approx(np.maximum(draws, 0).mean(), rel=0.01)


def test_opposite_edges_at_once() -> None:
    found = compare_rates(Proportion(0, 1), Proportion(1, 1), prior=Beta(0.5, 0.5))
    rng = np.random.default_rng(20_260_114)
    draws = rng.beta(1.5, 0.5, 1_000_000) - rng.beta(0.5, 1.5, 1_000_000)
    assert found.probability == pytest.approx((draws > 0).mean(), abs=2e-3)
    assert (found.lower, found.upper) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=3e-3)


def test_ten_million_units() -> None:
    found = compare_rates(Proportion(10**6, 10**7), Proportion(1_003_000, 10**7))
    error = (0.09 / 10**7 + 0.1003 * 0.8997 / 10**7) ** 0.5
    assert found.probability == pytest.approx(norm.cdf(0.0003 / error), abs=1e-5)
    assert (found.lower, found.upper) == pytest.approx((0.0003 - 1.959964 * error, 0.0003 + 1.959964 * error), abs=1e-7)


def test_normal_with_a_flat_prior() -> None:
    found = compare_normal(0.02, 0.01)
    assert found.probability == pytest.approx(norm.cdf(2))
    assert (found.lower, found.upper) == pytest.approx((0.02 - 1.959964 * 0.01, 0.02 + 1.959964 * 0.01))
    draws = np.random.default_rng(20_260_115).normal(0.02, 0.01, 2_000_000)
    assert found.loss_of_treatment == pytest.approx(np.maximum(-draws, 0).mean(), rel=0.03)
    assert found.loss_of_control == pytest.approx(np.maximum(draws, 0).mean(), rel=0.01)


def test_normal_with_a_prior() -> None:
    found = compare_normal(3.0, 1.0, prior_mean=1.0, prior_sd=2.0)
    # Precisions 1 and 1/4: mean (3 + 1/4) / (5/4) = 2.6, variance 0.8.
    assert (found.lower + found.upper) / 2 == pytest.approx(2.6)
    assert found.probability == pytest.approx(norm.cdf(2.6 / 0.8**0.5))
    nearly_flat = compare_normal(3.0, 1.0, prior_sd=1e12)
    assert nearly_flat.lower == pytest.approx(compare_normal(3.0, 1.0).lower)
