"""Two proportions, against published figures, statsmodels and scipy, and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from scipy.stats import fisher_exact as scipy_fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

from stats.difference import Difference, Undefined
from stats.proportions import (
    Omnibus,
    Proportion,
    chi_square,
    cohens_h,
    compare_proportions,
    fisher_exact,
    newcombe,
    two_proportion_z,
    unpooled_interval,
    wilson,
)


@st.composite
def proportions(draw: st.DrawFn, smallest_n: int = 1) -> Proportion:
    n = draw(st.integers(smallest_n, 100_000))
    return Proportion(draw(st.integers(0, n)), n)


def z_test(control: Proportion, treatment: Proportion) -> Difference:
    result = two_proportion_z(control, treatment)
    assert isinstance(result, Difference)
    return result


# Cookie Cats, 7-day and 1-day retention.
SEVEN_DAYS = (Proportion(8_502, 44_700), Proportion(8_279, 45_489))


def test_published_figures_of_cookie_cats() -> None:
    result = z_test(*SEVEN_DAYS)
    assert result.statistic == pytest.approx(-3.16436, abs=5e-6)
    assert result.p_value == pytest.approx(0.00155425, abs=5e-9)
    lower, upper = unpooled_interval(*SEVEN_DAYS)
    assert (round(100 * lower, 4), round(100 * upper, 4)) == (-1.3282, -0.3121)


@pytest.mark.parametrize("seed", range(5))
def test_equals_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_c, n_t = (int(n) for n in rng.integers(50, 50_000, size=2))
    control = Proportion(int(rng.binomial(n_c, rng.uniform(0.2, 0.8))), n_c)
    treatment = Proportion(int(rng.binomial(n_t, rng.uniform(0.2, 0.8))), n_t)
    result = compare_proportions(control, treatment)
    assert isinstance(result, Difference)
    statistic, p_value = proportions_ztest([treatment.successes, control.successes], [treatment.n, control.n])
    assert result.statistic == pytest.approx(statistic, rel=1e-10)
    assert result.p_value == pytest.approx(p_value, rel=1e-8)
    counts = (treatment.successes, treatment.n, control.successes, control.n)
    assert newcombe(control, treatment) == pytest.approx(confint_proportions_2indep(*counts, method="newcomb"))
    assert unpooled_interval(control, treatment) == pytest.approx(confint_proportions_2indep(*counts, method="wald"))
    assert wilson(control) == pytest.approx(proportion_confint(control.successes, control.n, method="wilson"))


@given(proportions(), proportions())
def test_swapping_the_groups_flips_the_sign(control: Proportion, treatment: Proportion) -> None:
    forth, back = compare_proportions(control, treatment), compare_proportions(treatment, control)
    if isinstance(forth, Undefined):
        assert isinstance(back, Undefined)
        return
    assert isinstance(back, Difference)
    assert forth.estimate == -back.estimate
    assert (forth.lower, forth.upper) == pytest.approx((-back.upper, -back.lower))
    assert forth.p_value == pytest.approx(back.p_value)
    assert cohens_h(control, treatment) == -cohens_h(treatment, control)


@given(proportions(), proportions())
def test_stays_within_bounds(control: Proportion, treatment: Proportion) -> None:
    lower, upper = newcombe(control, treatment)
    assert -1 - 1e-12 <= lower <= treatment.rate - control.rate <= upper <= 1 + 1e-12
    assert all(0 <= bound <= 1 for bound in wilson(control))


@pytest.mark.parametrize(
    ("control", "treatment"),
    [((1, 20), (7, 25)), ((0, 10), (3, 12)), ((3, 3), (1, 4)), ((2, 100_000), (9, 90_000)), ((49, 50), (44, 50))],
)
def test_fisher_equals_scipy(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    table = np.array([[successes, n - successes] for successes, n in (control, treatment)])
    assert fisher_exact(Proportion(*control), Proportion(*treatment)) == pytest.approx(
        scipy_fisher_exact(table).pvalue, rel=1e-8
    )


def test_fisher_takes_over_where_an_expected_count_is_below_5() -> None:
    sparse = compare_proportions(Proportion(1, 20), Proportion(7, 25))
    assert isinstance(sparse, Difference)
    assert sparse.method == "Fisher exact; Newcombe interval"
    assert sparse.p_value == pytest.approx(0.0591944137)
    # 10 successes of 40 in two equal groups: exactly 5 expected in each.
    enough = compare_proportions(Proportion(4, 20), Proportion(6, 20))
    assert isinstance(enough, Difference)
    assert enough.method == "two-proportion z, pooled; Newcombe interval"


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ((0, 0), (1, 10), "a group has no units"),
        ((0, 10), (0, 10), "no unit of either group converted"),
        ((10, 10), (12, 12), "every unit of both groups converted"),
    ],
)
def test_undefined_says_why(control: tuple[int, int], treatment: tuple[int, int], reason: str) -> None:
    assert compare_proportions(Proportion(*control), Proportion(*treatment)) == Undefined(reason)


@pytest.mark.parametrize("counts", [(11, 10), (-1, 10)])
def test_impossible_counts_are_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="successes must be from 0 to n"):
        Proportion(*counts)


def test_cohens_h_of_a_textbook_pair() -> None:
    # Cohen (1988), table 6.2.2: phi(.25) = 1.047, phi(.50) = 1.571.
    assert cohens_h(Proportion(25, 100), Proportion(50, 100)) == pytest.approx(0.5236, abs=5e-5)


def test_coverage_and_type_one_error_by_simulation() -> None:
    rng = np.random.default_rng(20_260_101)
    pairs = rng.binomial((400, 600), 0.07, size=(4_000, 2))
    covered = rejected = 0
    for c, t in pairs.tolist():
        result = compare_proportions(Proportion(c, 400), Proportion(t, 600))
        assert isinstance(result, Difference)
        covered += result.lower <= 0 <= result.upper
        rejected += result.p_value < 0.05
    assert 0.94 <= covered / 4_000 <= 0.96
    assert 0.04 <= rejected / 4_000 <= 0.06


def test_chi_square_over_all_groups_equals_scipy() -> None:
    groups = [Proportion(100, 1_000), Proportion(130, 1_100), Proportion(90, 950)]
    found = chi_square([*groups, Proportion(0, 0)])
    oracle = chi2_contingency([[g.successes, g.n - g.successes] for g in groups], correction=False)
    assert isinstance(found, Omnibus)
    assert found.statistic == pytest.approx(oracle.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    assert found.degrees_of_freedom == 2
    two = chi_square(groups[:2])
    z = two_proportion_z(*groups[:2])
    assert isinstance(two, Omnibus)
    assert isinstance(z, Difference)
    assert two.statistic == pytest.approx((z.statistic or 0) ** 2)


def test_chi_square_is_undefined_without_variation() -> None:
    assert chi_square([Proportion(1, 2), Proportion(0, 0)]) == Undefined("fewer than two groups have units")
    assert chi_square([Proportion(0, 2), Proportion(0, 3)]) == Undefined("no unit of any group converted")
    assert chi_square([Proportion(2, 2), Proportion(3, 3)]) == Undefined("every unit of all groups converted")


def test_merging() -> None:
    assert Proportion(1, 3).merge(Proportion(2, 5)) == Proportion(3, 8)


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5)])
def test_counts_that_no_group_can_have_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"successes must be from 0 to n, got {successes} of {n}"):
        Proportion(successes, n)


def test_a_rate_is_an_estimate_as_any_other() -> None:
    estimate = Proportion(20, 100).estimate
    assert (estimate.value, estimate.n) == (0.2, 100)
    assert estimate.variance == pytest.approx(0.16)
