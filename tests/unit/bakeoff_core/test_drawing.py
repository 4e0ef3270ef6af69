from collections import Counter
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bakeoff_core.assignment.bucketing import bucketing, hashing
from bakeoff_core.assignment.drawing import Parts, balancing_weights, draw, normalised

SPLITS = [(0.5, 0.5), (0.5, 0.3, 0.2), (0.33, 0.33, 0.34), (0.9, 0.1), (0.1,) * 10, (0.6, 0.3, 0.05, 0.03, 0.02)]


@pytest.mark.parametrize(
    ("point", "group"), [(0.0, "a"), (0.1999, "a"), (0.2, "c"), (0.4999, "c"), (0.5, "d"), (1 - 2**-53, "d")]
)
def test_a_point_falls_into_the_part_of_its_group(point: float, group: str) -> None:
    drawn = draw({"a": 0.2, "b": 0.0, "c": 0.3, "d": 0.5, "e": 0.0}, point)
    assert drawn.group == group
    assert drawn.propensity == {"a": 0.2, "c": 0.3, "d": 0.5}[group]


def test_the_last_group_ends_at_exactly_one() -> None:
    tenths = {f"g{n}": 0.1 for n in range(10)}  # ten times 0.1 sums to less than 1
    assert draw(tenths, 1 - 2**-53).group == "g9"


@pytest.mark.parametrize("split", SPLITS)
def test_a_digest_draws_what_its_bucket_draws(split: tuple[float, ...]) -> None:
    weights = {f"g{n}": share for n, share in enumerate(split)}
    by_digest = Parts(weights).by_digest(hashing("exp", "group"))
    place = bucketing("exp", "group")
    units = [f"user-{n}" for n in range(2_000)]
    assert [by_digest(unit) for unit in units] == [draw(weights, place(unit)) for unit in units]


def test_weights_are_scaled_to_one() -> None:
    assert normalised({"a": 3, "b": 1, "c": 0}) == {"a": 0.75, "b": 0.25, "c": 0.0}


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": -1.0, "b": 3.0}, {"a": float("nan")}, {"a": float("inf")}])
def test_weights_that_cannot_be_drawn_from_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weights must be finite, 0 or more, and not all 0"):
        normalised(weights)


def sequence(shares: dict[str, float], seed: int, length: int) -> list[str]:
    source = np.random.default_rng(seed)
    counts: dict[str, int] = {}
    groups = []
    for _ in range(length):
        group = draw(balancing_weights(shares, counts), source.random()).group
        counts[group] = counts.get(group, 0) + 1
        groups.append(group)
    return groups


def runs_test(groups: list[str]) -> float:
    """The p-value of the two-sided runs test for several kinds (Mood 1940, Annals of Mathematical Statistics 11)."""
    n = len(groups)
    sizes = Counter(groups).values()
    squares, cubes = sum(size**2 for size in sizes), sum(size**3 for size in sizes)
    runs = 1 + sum(before != after for before, after in pairwise(groups))
    mean = (n * (n + 1) - squares) / n
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * (n - 1))
    return float(2 * stats.norm.sf(abs(runs - mean) / sqrt(variance)))


@pytest.mark.parametrize("split", SPLITS)
def test_after_each_of_a_thousand_draws_every_group_is_within_five_of_its_share(split: tuple[float, ...]) -> None:
    shares = {f"g{index}": share for index, share in enumerate(split)}
    counts: Counter[str] = Counter()
    for drawn, group in enumerate(sequence(shares, seed=1, length=1_000), start=1):
        counts[group] += 1
        assert all(abs(counts[each] - drawn * share) <= 5 for each, share in shares.items())


@pytest.mark.parametrize("split", SPLITS[:4])
def test_the_order_of_balanced_draws_passes_a_runs_test(split: tuple[float, ...]) -> None:
    shares = {f"g{index}": share for index, share in enumerate(split)}
    p_values = [runs_test(sequence(shares, seed, length=1_000)) for seed in range(20)]
    # At 1 % chance alone fails 0.2 of 20; a strictly alternating order fails all of them.
    assert sum(p < 0.01 for p in p_values) <= 2
    assert runs_test(["g0", "g1"] * 500) < 1e-9


def test_the_next_group_cannot_be_foretold() -> None:
    shares = {"a": 0.5, "b": 0.5}
    counts: dict[str, int] = {}
    largest = []
    for group in sequence(shares, seed=2, length=1_000):
        weights = balancing_weights(shares, counts)
        largest.append(max(weights.values()))
        counts[group] = counts.get(group, 0) + 1
    assert sum(largest) / 1_000 < 0.62  # how often whoever bets on the likelier group is right
    assert sum(weight > 0.99 for weight in largest) < 15


def test_the_recorded_propensity_is_the_actual_probability() -> None:
    weights = balancing_weights({"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 8, "b": 2, "c": 2})
    source = np.random.default_rng(3)
    found = Counter(draw(weights, source.random()).group for _ in range(20_000))
    assert stats.chisquare([found[name] for name in weights], [20_000 * w for w in weights.values()]).pvalue > 0.01
    assert weights["a"] < 0.5
    assert weights["b"] > 0.3


def test_a_group_that_was_overtaken_by_a_crowd_is_forced() -> None:
    assert balancing_weights({"a": 0.5, "b": 0.5}, {"a": 40, "b": 10}) == {"a": 0.0, "b": 1.0}


def test_a_group_without_share_gets_nothing() -> None:
    assert balancing_weights({"a": 0.5, "b": 0.0, "c": 0.5}, {"b": 7}) == {"a": 0.5, "b": 0.0, "c": 0.5}


@given(
    weights=st.lists(st.floats(min_value=0, max_value=1e6), min_size=2, max_size=8).filter(lambda w: sum(w) > 1e-6),
    counts=st.lists(st.integers(0, 10_000), min_size=8, max_size=8),
)
def test_balancing_weights_are_probabilities_whatever_the_counts(weights: list[float], counts: list[int]) -> None:
    shares = normalised({f"g{n}": weight for n, weight in enumerate(weights)})
    found = balancing_weights(shares, {f"g{n}": count for n, count in enumerate(counts)})
    assert found.keys() == shares.keys()
    assert sum(found.values()) == pytest.approx(1)
    assert all(0 <= found[name] <= 1 and (found[name] == 0 or shares[name] > 0) for name in shares)
