"""Whether decisions about the same users are independent of each other, on seeded or hashed users: never by luck."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from bakeoff_core.assignment.allocation import AllocationStores, Allocator, by_hash
from bakeoff_core.assignment.assigner import DrawGroup, decide
from bakeoff_core.assignment.bucketing import bucket
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.arms import InMemoryArmStore
from bakeoff_core.stores.assignments import InMemoryAssignmentStore
from tests.support import NOON, SettableClock, experiment

UNITS = [f"user-{number}" for number in range(20_000)]
STICKY = ("random", "weighted", "bandit", "custom")


def allocator(seed: int = 0) -> Allocator:
    stores = AllocationStores(InMemoryAssignmentStore(), InMemoryArmStore())
    custom = {"even": lambda _experiment, _unit: {"control": 1.0, "treatment": 1.0}}
    return Allocator(stores, np.random.default_rng(seed).random, SettableClock(), 10, custom)


def of(algorithm: str, **changes: Any) -> Experiment:
    custom = {"custom_algorithm": "even"} if algorithm == "custom" else {}
    return experiment(assignment_algorithm=algorithm, **custom | changes)


def in_treatment(
    running: Experiment, draw_group: DrawGroup = by_hash, units: Sequence[str] = UNITS
) -> NDArray[np.bool_]:
    return np.array([draw_group(running, unit, NOON).group == "treatment" for unit in units])


def independence(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    table = [[int(np.sum((first == a) & (second == b))) for b in (False, True)] for a in (False, True)]
    return float(stats.chi2_contingency(table, correction=False).pvalue)


@pytest.mark.parametrize("algorithm", ["hash_based", *STICKY])
def test_being_sampled_says_nothing_about_the_group(algorithm: str) -> None:
    running = of(algorithm)
    sampled = np.array([bucket(running.salt, "sampling", unit) < 0.3 for unit in UNITS])
    assert independence(sampled, in_treatment(running, allocator())) > 0.001


@pytest.mark.parametrize("algorithm", ["hash_based", *STICKY])
def test_the_group_in_one_experiment_says_nothing_about_another(algorithm: str) -> None:
    draw_group = allocator(seed=1)
    first, second = (in_treatment(of(algorithm, name=name), draw_group) for name in ("checkout", "search"))
    assert independence(first, second) > 0.001


def test_two_experiments_of_one_salt_agree_which_is_why_salts_are_distinct() -> None:
    first, second = (in_treatment(experiment(name=name, salt="same")) for name in ("checkout", "search"))
    assert bool(np.all(first == second))


def test_the_part_of_a_namespace_says_nothing_about_group_sample_or_another_namespace() -> None:
    here = np.array([bucket("shop", "namespace", unit) < 0.5 for unit in UNITS])
    elsewhere = np.array([bucket("search", "namespace", unit) < 0.5 for unit in UNITS])
    sampled = np.array([bucket("checkout_button", "sampling", unit) < 0.5 for unit in UNITS])
    for other in (elsewhere, sampled, in_treatment(experiment())):
        assert independence(here, other) > 0.001


@pytest.mark.parametrize("algorithm", ["hash_based", "random"])
def test_a_hundred_experiments_on_the_same_users_correlate_no_more_than_chance(algorithm: str) -> None:
    draw_group, n = allocator(seed=2), 5_000
    experiments = [of(algorithm, name=f"experiment-{index}") for index in range(100)]
    groups = np.array([in_treatment(running, draw_group, UNITS[:n]) for running in experiments])
    correlations = np.corrcoef(groups)[np.triu_indices(100, k=1)]
    pairs = len(correlations)
    assert pairs == 4_950
    # Under independence n r² is chi-square with one degree of freedom for each pair.
    assert 0.001 < stats.chi2.sf(n * float(np.sum(correlations**2)), pairs) < 0.999
    assert float(np.max(np.abs(correlations))) * np.sqrt(n) < stats.norm.isf(0.001 / (2 * pairs))
    assert stats.kstest(correlations * np.sqrt(n), "norm").pvalue > 0.001


@pytest.mark.parametrize("algorithm", ["hash_based", *STICKY])
def test_ramping_from_five_percent_to_all_moves_no_enrolled_unit(algorithm: str) -> None:
    draw_group = allocator(seed=3)
    enrolled: dict[str, str] = {}
    for rate in (0.05, 0.1, 0.25, 0.5, 1):
        running = of(algorithm, sample_rate=rate)
        now = {unit: decide(running, unit, {}, NOON, draw_group).group for unit in UNITS[:5_000]}
        groups = {unit: group.name for unit, group in now.items() if group is not None}
        assert {unit: groups.get(unit) for unit in enrolled} == enrolled
        assert abs(len(groups) - 5_000 * rate) < 4 * np.sqrt(5_000 * rate * (1 - rate)) + 1e-9
        enrolled = groups
    assert len(enrolled) == 5_000
