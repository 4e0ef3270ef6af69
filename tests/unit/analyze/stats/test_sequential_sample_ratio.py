from fractions import Fraction
from math import factorial, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.difference import Undefined
from stats.sequential_sample_ratio import sequential_sample_ratio


def bayes_factor(counts: list[int], alphas: list[int]) -> Fraction:
    """By whole numbers: gamma functions of whole numbers are factorials."""
    n, c = sum(counts), sum(alphas)
    factor = Fraction(factorial(c - 1), factorial(c + n - 1))
    for count, alpha in zip(counts, alphas, strict=True):
        factor *= Fraction(factorial(alpha + count - 1), factorial(alpha - 1)) / Fraction(alpha, c) ** count
    return factor


@pytest.mark.parametrize(("counts", "alphas"), [([0, 0], [1, 1]), ([30, 10], [5, 5]), ([7, 2, 90], [6, 3, 1])])
def test_equals_the_formula_in_whole_numbers(counts: list[int], alphas: list[int]) -> None:
    found = sequential_sample_ratio(counts, alphas, concentration=sum(alphas))
    assert not isinstance(found, Undefined)
    exact = bayes_factor(counts, alphas)
    assert found.log_bayes_factor == pytest.approx(log(exact), abs=1e-9)
    assert found.p_value == pytest.approx(min(1.0, float(1 / exact)), rel=1e-9)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=4))
def test_the_next_unit_changes_the_factor_by_nothing_on_average(counts: list[int]) -> None:
    weights = [index + 1.0 for index in range(len(counts))]
    now = sequential_sample_ratio(counts, weights)
    assert not isinstance(now, Undefined)
    mean = 0.0
    for index, weight in enumerate(weights):
        after = sequential_sample_ratio([n + (i == index) for i, n in enumerate(counts)], weights)
        assert not isinstance(after, Undefined)
        mean += weight / sum(weights) * np.exp(after.log_bayes_factor - now.log_bayes_factor)
    assert mean == pytest.approx(1.0, rel=1e-9)


def test_what_cannot_be_told_is_undefined() -> None:
    assert isinstance(sequential_sample_ratio([3], [1]), Undefined)
    assert isinstance(sequential_sample_ratio([3, 0], [1, 0]), Undefined)
    assert sequential_sample_ratio([3, 1], [1, 0]) == Undefined("a group with weight 0 has units")


def test_looking_a_hundred_times_keeps_the_level_and_finds_a_real_mismatch() -> None:
    generator = np.random.default_rng(20261125)
    looks, units = 100, 200

    def alarms(share: float, experiments: int, alpha: float) -> float:
        counts = np.cumsum(generator.binomial(units, share, size=(experiments, looks)), axis=1)
        totals = units * np.arange(1, looks + 1)
        fired = 0
        for row in counts:
            p_values = (
                found.p_value
                for n, total in zip(row, totals, strict=True)
                if not isinstance(found := sequential_sample_ratio([int(n), int(total - n)], [1, 1]), Undefined)
            )
            fired += any(p_value < alpha for p_value in p_values)
        return fired / experiments

    assert alarms(0.5, 300, 0.05) <= 0.05
    assert alarms(0.53, 50, 0.001) >= 0.98
