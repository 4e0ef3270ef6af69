from math import exp, lgamma, log, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from stats.thompson import ArmCounts, Beta, posterior, probability_best, thompson_weights

counts = st.integers(0, 3_000)


def log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def beats(first: Beta, second: Beta) -> float:
    """P(first > second) as the finite sum of Miller (2014), formulas for Bayesian A/B testing, for whole a."""
    return sum(
        exp(
            log_beta(second.a + i, first.b + second.b)
            - log(first.b + i)
            - log_beta(1 + i, first.b)
            - log_beta(second.a, second.b)
        )
        for i in range(int(first.a))
    )


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        (ArmCounts(500, 0, 0), Beta(1, 1)),
        (ArmCounts(500, 200, 20), Beta(21, 181)),
        (ArmCounts(500, 500, 500), Beta(501, 1)),
        (ArmCounts(100, 100, 130), Beta(101, 1)),
    ],
)
def test_only_matured_units_count_and_rewards_are_clipped_to_them(arm: ArmCounts, expected: Beta) -> None:
    assert posterior(arm) == expected


@given(s1=counts, f1=counts, s2=counts, f2=counts)
def test_two_arms_agree_with_the_closed_form(s1: int, f1: int, s2: int, f2: int) -> None:
    first, second = Beta(1 + s1, 1 + f1), Beta(1 + s2, 1 + f2)
    found = probability_best([first, second])
    assert sum(found) == pytest.approx(1, abs=1e-12)
    # A sum of thousands of terms out of lgamma is itself good to about ten digits.
    assert found[0] == pytest.approx(min(1.0, beats(first, second)), abs=1e-8)


@pytest.mark.parametrize("groups", [1, 2, 3, 10])
def test_equal_arms_are_equally_likely_to_be_best(groups: int) -> None:
    assert probability_best([Beta(5, 95)] * groups) == pytest.approx([1 / groups] * groups, abs=1e-12)


def test_five_unequal_arms_agree_with_adaptive_integration() -> None:
    arms = [Beta(51, 951), Beta(61, 941), Beta(2, 9), Beta(1, 1), Beta(9_001, 91_001)]
    expected = []
    for index, arm in enumerate(arms):
        others = arms[:index] + arms[index + 1 :]

        def density(x: float, arm: Beta = arm, others: list[Beta] = others) -> float:
            below = prod(float(stats.beta.cdf(x, other.a, other.b)) for other in others)
            return float(stats.beta.pdf(x, arm.a, arm.b) * below)

        points = sorted(each.a / (each.a + each.b) for each in arms)
        expected.append(integrate.quad(density, 0, 1, points=points, limit=500, epsabs=1e-11)[0])
    assert probability_best(arms) == pytest.approx(expected, abs=1e-9)


def test_the_same_counts_give_the_same_weights() -> None:
    arms = [ArmCounts(300, 200, 10), ArmCounts(310, 190, 21)]
    weights = [thompson_weights(arms, [0.5, 0.5], floor=0.025, minimum_exposures=100) for _ in range(3)]
    assert weights[0] == weights[1] == weights[2]


def test_the_floor_is_added_and_not_clipped_to() -> None:
    arms = [ArmCounts(1_000, 1_000, 10), ArmCounts(1_000, 1_000, 200), ArmCounts(1_000, 1_000, 12)]
    weights = thompson_weights(arms, [1 / 3] * 3, floor=0.05, minimum_exposures=100)
    best = probability_best([posterior(arm) for arm in arms])
    assert weights == pytest.approx([0.05 + 0.85 * each for each in best])
    assert weights == pytest.approx([0.05, 0.9, 0.05], abs=1e-6)


def test_nothing_is_reweighted_before_every_arm_has_its_exposures() -> None:
    arms = [ArmCounts(500, 99, 0), ArmCounts(5_000, 5_000, 4_000)]
    assert thompson_weights(arms, [0.8, 0.2], floor=0.025, minimum_exposures=100) == [0.8, 0.2]
    assert thompson_weights(arms, [0.8, 0.2], floor=0.025, minimum_exposures=99)[1] > 0.97


@given(
    st.lists(st.tuples(counts, counts, counts), min_size=1, max_size=6),
    st.floats(min_value=0, max_value=0.16),
)
def test_weights_are_probabilities_above_the_floor(counts: list[tuple[int, int, int]], floor: float) -> None:
    arms = [ArmCounts(*each) for each in counts]
    weights = thompson_weights(arms, [1 / len(arms)] * len(arms), floor=floor, minimum_exposures=1)
    assert sum(weights) == pytest.approx(1)
    assert all(weight >= floor for weight in weights)
