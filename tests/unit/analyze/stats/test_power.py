"""Power, against statsmodels and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.proportion import power_proportions_2indep

from stats.difference import Undefined
from stats.power import (
    Design,
    SampleSize,
    days_needed,
    mean_detectable_effect,
    mean_power,
    mean_sample_size,
    proportion_detectable_effect,
    proportion_power,
    proportion_sample_size,
    sequence_detectable_effect,
    sequence_power,
    sequence_sample_size,
)
from stats.sequential import ConfidenceSequence, confidence_sequence

EVEN = Design()


@pytest.mark.parametrize(("baseline", "effect"), [(0.1, 0.01), (0.5, -0.05), (0.02, 0.004), (0.9, 0.03)])
@pytest.mark.parametrize(("n", "ratio"), [(500, 1.0), (4_000, 0.5)])
def test_power_of_proportions_is_that_of_statsmodels(baseline: float, effect: float, n: int, ratio: float) -> None:
    oracle = power_proportions_2indep(effect, baseline, n * ratio, ratio=1 / ratio).power
    found = proportion_power(baseline, effect, n, round(ratio * n), EVEN)
    assert found == pytest.approx(oracle, rel=1e-9)


@pytest.mark.parametrize("effect", [0.02, 0.1, 0.5, -0.3, 0.0])
@pytest.mark.parametrize(("n", "ratio"), [(10, 1.0), (400, 3.0), (20_000, 0.5)])
@pytest.mark.parametrize("sides", [1, 2])
def test_power_of_means_is_that_of_statsmodels(effect: float, n: int, ratio: float, sides: int) -> None:
    alternative = "two-sided" if sides == 2 else "larger"
    oracle = TTestIndPower().power(abs(effect), n, 0.05, ratio, alternative=alternative)
    found = mean_power(2.0, 2 * effect, n, round(ratio * n), Design(sides=sides))
    assert found == pytest.approx(oracle, rel=1e-9)


def test_published_sample_sizes() -> None:
    # Cohen (1988), table 2.4.1: d 0.5 at power 0.8 and two-sided 0.05 takes 64 units a group.
    assert mean_sample_size(1, 0.5, EVEN) == SampleSize(64, 64, 128)
    # 0.10 against 0.11: 14,751 a group, the figure of the usual calculators for the pooled test.
    assert proportion_sample_size(0.10, 0.01, EVEN) == SampleSize(14_751, 14_751, 29_502)


@given(
    baseline=st.floats(0.02, 0.9),
    effect=st.floats(0.005, 0.08),
    power=st.floats(0.6, 0.95),
    ratio=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_the_sample_size_is_the_smallest_that_is_enough(
    baseline: float, effect: float, power: float, ratio: float
) -> None:
    design = Design(power=power, ratio=ratio)
    size = proportion_sample_size(baseline, effect, design)
    assert isinstance(size, SampleSize)
    assert proportion_power(baseline, effect, size.control, size.treatment, design) >= power
    fewer = size.control - 1
    if fewer >= 2:
        assert proportion_power(baseline, effect, fewer, max(2, round(ratio * fewer)), design) < power


@pytest.mark.parametrize("sign", [1, -1])
def test_the_detectable_rate_is_found_with_the_power_asked_for(sign: int) -> None:
    effect = proportion_detectable_effect(0.2, 3_000, EVEN, increase=sign > 0)
    assert isinstance(effect, float)
    assert effect * sign > 0
    assert proportion_power(0.2, effect, 3_000, 3_000, EVEN) == pytest.approx(0.8, abs=1e-9)


@pytest.mark.parametrize("n", [2, 3, 50, 10**7])
def test_the_detectable_mean_is_found_with_the_power_asked_for(n: int) -> None:
    effect = mean_detectable_effect(3.0, n, EVEN)
    assert isinstance(effect, float)
    assert mean_power(3.0, effect, n, n, EVEN) == pytest.approx(0.8, abs=1e-6)


def test_several_treatments_share_alpha_and_one_side_takes_it_all() -> None:
    two, three = (mean_sample_size(1, 0.1, Design(treatments=k)) for k in (1, 2))
    assert isinstance(two, SampleSize)
    assert isinstance(three, SampleSize)
    assert mean_power(1, 0.1, 500, 500, Design(treatments=2)) == mean_power(1, 0.1, 500, 500, Design(alpha=0.025))
    assert three.control > two.control
    assert three.total == 3 * three.control
    one_sided = mean_power(1, 0.1, 500, 500, Design(alpha=0.025, sides=1))
    assert one_sided == pytest.approx(mean_power(1, 0.1, 500, 500, EVEN), abs=1e-3)


def test_a_huge_effect_needs_next_to_nothing() -> None:
    assert mean_sample_size(1, 50, EVEN) == SampleSize(2, 2, 4)
    assert mean_power(1, 100, 10**6, 10**6, EVEN) == 1


def test_undefined_says_why() -> None:
    assert proportion_sample_size(0.1, 0.0, EVEN) == Undefined("no number of units shows an effect of 0")
    assert proportion_sample_size(0.1, 0.95, EVEN) == Undefined("the rates must lie between 0 and 1")
    assert mean_sample_size(0, 0.1, EVEN) == Undefined("the values do not vary")
    assert mean_sample_size(1, 1e-9, EVEN) == Undefined("the effect is too small for any number of units")
    assert isinstance(proportion_detectable_effect(0.1, 0, EVEN), Undefined)
    assert isinstance(mean_detectable_effect(1, 1, EVEN), Undefined)
    assert proportion_detectable_effect(0.5, 4, EVEN) == Undefined(
        "not even the largest possible effect is found with so few units"
    )


@pytest.mark.parametrize(("units", "days"), [(0, 0), (1, 1), (1_000, 10), (1_001, 11)])
def test_days(units: int, days: int) -> None:
    assert days_needed(units, 100) == days


def test_no_traffic_is_no_number_of_days() -> None:
    assert days_needed(1, 0) == Undefined("no units come")


def test_simulated_power_is_as_predicted() -> None:
    rng = np.random.default_rng(20_260_110)
    n, experiments = 3_000, 20_000
    clicks = rng.binomial(n, [[0.10], [0.12]], size=(2, experiments))
    rates, pooled = clicks / n, clicks.sum(axis=0) / (2 * n)
    z = (rates[1] - rates[0]) / np.sqrt(pooled * (1 - pooled) * 2 / n)
    found = float((np.abs(z) > 1.959964).mean())
    predicted = proportion_power(0.10, 0.02, n, n, EVEN)
    assert found == pytest.approx(predicted, abs=4 * (predicted * (1 - predicted) / experiments) ** 0.5)


def test_one_sided_power_of_proportions() -> None:
    oracle = power_proportions_2indep(0.02, 0.1, 2_000, alternative="larger").power
    assert proportion_power(0.1, 0.02, 2_000, 2_000, Design(sides=1)) == pytest.approx(oracle, rel=1e-9)


def test_a_confidence_sequence_excludes_0_with_the_power_asked_for() -> None:
    unit_sd, effect = 2.0, 0.05
    n = sequence_sample_size(unit_sd, effect, EVEN, tuning_sample_size=5_000)
    assert isinstance(n, int)
    rng = np.random.default_rng(20_260_118)
    estimates = rng.normal(effect, unit_sd / n**0.5, 20_000)
    half = confidence_sequence(0, unit_sd / n**0.5, n)
    assert isinstance(half, ConfidenceSequence)
    assert float((estimates > half.upper).mean()) == pytest.approx(0.8, abs=0.012)
    several = sequence_sample_size(unit_sd, effect, Design(treatments=3), tuning_sample_size=5_000)
    assert isinstance(several, int)
    assert several > n


def test_a_confidence_sequence_needs_variation_and_an_effect() -> None:
    assert sequence_sample_size(0, 0.1, EVEN, tuning_sample_size=1) == Undefined("the values do not vary")
    assert sequence_sample_size(1, 0, EVEN, tuning_sample_size=1) == Undefined(
        "no number of units shows an effect of 0"
    )


def test_the_smallest_effect_that_a_sequence_detects_is_found_with_the_power_asked_for() -> None:
    n, error = 8_000, 0.02
    smallest = sequence_detectable_effect(error, n, EVEN, tuning_sample_size=5_000)
    assert isinstance(smallest, float)
    estimates = np.random.default_rng(20_260_119).normal(smallest, error, 20_000)
    sequence = confidence_sequence(0, error, n)
    assert isinstance(sequence, ConfidenceSequence)
    assert float((estimates > sequence.upper).mean()) == pytest.approx(0.8, abs=0.012)
    assert sequence_power(smallest, error, n, EVEN, tuning_sample_size=5_000) == pytest.approx(0.8)
    assert sequence_power(-smallest / 2, error, n, EVEN, tuning_sample_size=5_000) == pytest.approx(
        float((estimates - smallest / 2 > sequence.upper).mean()), abs=0.012
    )


@given(error=st.floats(1e-6, 1e3), n=st.integers(2, 10**9), treatments=st.integers(1, 9))
def test_the_units_that_a_sequence_needs_for_what_so_many_detect_are_no_more(
    error: float, n: int, treatments: int
) -> None:
    design = Design(treatments=treatments)
    smallest = sequence_detectable_effect(error, n, design, tuning_sample_size=5_000)
    assert isinstance(smallest, float)
    needed = sequence_sample_size(error * n**0.5, smallest * (1 + 1e-9), design, tuning_sample_size=5_000)
    assert isinstance(needed, int)
    assert needed <= n


def test_nothing_is_detected_where_nothing_varies() -> None:
    assert sequence_detectable_effect(0, 10, EVEN, tuning_sample_size=1) == Undefined("the values do not vary")
