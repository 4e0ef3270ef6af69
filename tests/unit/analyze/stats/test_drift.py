"""Drift of binned counts, against sums written out, scipy on the values themselves, and simulation."""

from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, ks_2samp, kstwobign

from stats.difference import Undefined
from stats.drift import KolmogorovSmirnov, StabilityIndex, kolmogorov_smirnov, population_stability_index

COUNTS = st.lists(st.integers(0, 500), min_size=3, max_size=3).filter(any)


def index(reference: list[int], current: list[int]) -> StabilityIndex:
    found = population_stability_index(reference, current)
    assert isinstance(found, StabilityIndex)
    return found


def distance(reference: list[int], current: list[int]) -> KolmogorovSmirnov:
    found = kolmogorov_smirnov(reference, current)
    assert isinstance(found, KolmogorovSmirnov)
    return found


def test_the_index_is_the_sum_over_the_bins() -> None:
    # Shares (20.5, 30.5, 50.5) / 101.5 and (60.5, 90.5, 50.5) / 201.5, put into the definition by hand.
    p = [20.5 / 101.5, 30.5 / 101.5, 50.5 / 101.5]
    q = [60.5 / 201.5, 90.5 / 201.5, 50.5 / 201.5]
    by_hand = sum((b - a) * log(b / a) for a, b in zip(p, q, strict=True))
    found = index([20, 30, 50], [60, 90, 50])
    assert found.value == pytest.approx(by_hand, rel=1e-12)
    assert found.value == pytest.approx(0.268_021, abs=1e-6)
    assert found.chance == pytest.approx(chi2.ppf(0.95, 2) * (1 / 100 + 1 / 200), rel=1e-9)
    assert found.level == "large"


@pytest.mark.parametrize(
    ("current", "level"), [([2_000, 3_000, 5_000], "stable"), ([3_500, 3_000, 3_500], "moderate"), ([7, 2, 1], "large")]
)
def test_levels(current: list[int], level: str) -> None:
    assert index([2_000, 3_000, 5_000], current).level == level


def test_what_chance_explains_is_stable() -> None:
    few = index([2_000, 3_000, 5_000], [3, 1, 3])
    assert few.value > 0.1
    assert few.level == "stable"


@given(COUNTS, COUNTS)
def test_the_index_is_symmetric_and_never_negative(one: list[int], other: list[int]) -> None:
    assert index(one, other).value == pytest.approx(index(other, one).value, abs=1e-12)
    assert index(one, other).value >= 0
    assert index(one, one).value == 0


def test_the_index_exceeds_chance_once_in_twenty_times_when_nothing_drifts() -> None:
    generator = np.random.default_rng(11)
    shares = np.full(10, 0.1)
    exceeded = 0
    for _ in range(2_000):
        found = index(generator.multinomial(2_000, shares).tolist(), generator.multinomial(800, shares).tolist())
        exceeded += found.value > found.chance
    assert exceeded / 2_000 == pytest.approx(0.05, abs=0.012)


def test_the_distance_of_values_that_fill_bins_of_their_own_is_scipys() -> None:
    generator = np.random.default_rng(5)
    one, other = generator.binomial(9, 0.4, 400), generator.binomial(9, 0.5, 300)
    counts = [np.bincount(values, minlength=10).tolist() for values in (one, other)]
    found = distance(counts[0], counts[1])
    assert found.statistic == pytest.approx(ks_2samp(one, other).statistic, abs=1e-12)
    assert found.p_value == pytest.approx(kstwobign.sf(sqrt(400 * 300 / 700) * found.statistic), rel=1e-9)


def test_the_distance_of_binned_values_is_at_most_that_of_the_values() -> None:
    generator = np.random.default_rng(6)
    for _ in range(50):
        one, other = generator.normal(size=300), generator.normal(0.3, 1.2, size=200)
        cuts = np.quantile(one, np.arange(1, 10) / 10)
        counts = [np.bincount(np.searchsorted(cuts, values), minlength=10).tolist() for values in (one, other)]
        exact = ks_2samp(one, other, method="asymp")
        assert distance(counts[0], counts[1]).statistic <= exact.statistic + 1e-12


def test_the_test_holds_its_level_when_nothing_drifts() -> None:
    generator = np.random.default_rng(12)
    shares = np.full(10, 0.1)
    rejected = sum(
        distance(generator.multinomial(1_000, shares).tolist(), generator.multinomial(500, shares).tolist()).p_value
        < 0.05
        for _ in range(2_000)
    )
    assert rejected / 2_000 < 0.05


@pytest.mark.parametrize("measure", [population_stability_index, kolmogorov_smirnov])
@pytest.mark.parametrize(
    ("reference", "current", "reason"),
    [
        ([0, 0], [1, 2], "no values in the training sample"),
        ([1, 2], [0, 0], "no values"),
        ([3], [4], "the training sample has one value only"),
    ],
)
def test_what_cannot_be_compared_says_why(
    measure: object, reference: list[int], current: list[int], reason: str
) -> None:
    assert callable(measure)
    assert measure(reference, current) == Undefined(reason)
