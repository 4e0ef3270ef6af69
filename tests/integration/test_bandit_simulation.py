"""Bandits on simulated users, seeded: what they learn, what they record, and what the analysis makes of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from bakeoff_core.assignment.allocation import AllocationStores, Allocator
from bakeoff_core.assignment.assigner import Assigner
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.arms import InMemoryArmStore
from bakeoff_core.stores.assignments import InMemoryAssignmentStore
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentIndex, InMemoryExperimentStore
from bandits import BanditRefresher
from stats.difference import Difference
from stats.inverse_propensity import PropensityMoments, hajek_difference, horvitz_thompson_difference
from stats.thompson import ArmCounts, thompson_weights
from tests.support import NOON, SettableClock, experiment

USERS = 20_000
SECONDS_BETWEEN_USERS = 86.4  # a thousand a day, for twenty days
RATES = {"control": 0.05, "treatment": 0.10}
WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Met:
    """A user's meeting with a group, and when it was rewarded."""

    group: str
    propensity: float
    weights: Mapping[str, float]
    at: datetime
    rewarded_at: datetime | None


class Ledger:
    """Counts the simulated users as the engine counts real ones."""

    def __init__(self, met: list[Met]) -> None:
        self._met = met

    def count_arms(self, experiment: Experiment, at: datetime) -> Mapping[str, ArmCounts]:
        exposures, matured, rewards = Counter[str](), Counter[str](), Counter[str]()
        for each in self._met:
            exposures[each.group] += 1
            if each.at + WINDOW <= at:
                matured[each.group] += 1
                rewards[each.group] += each.rewarded_at is not None and each.rewarded_at < each.at + WINDOW
        return {group: ArmCounts(exposures[group], matured[group], rewards[group]) for group in RATES}


def simulate(seed: int) -> list[Met]:
    """Send users through assignment and refresh, as two functions on the same stores would."""
    source, clock, met = np.random.default_rng(seed), SettableClock(), list[Met]()
    experiments, arms = InMemoryExperimentStore(), InMemoryArmStore()
    experiments.put(
        experiment(assignment_algorithm="bandit", bandit={"refresh_minutes": 60, "attribution_window_hours": 24}),
        Audit("t", "create", NOON),
    )
    stores = AllocationStores(InMemoryAssignmentStore(), arms)
    assigner = Assigner(experiments, clock, Allocator(stores, source.random, clock, 10, {}))
    listed = InMemoryExperimentIndex(experiments)
    ledger = partial(Ledger, met)
    refresher = BanditRefresher(listed, arms, clock, lambda name, error: pytest.fail(f"{name}: {error}"))
    for number in range(USERS):
        if number % 60 == 0:  # the schedule comes by more often than an epoch lasts
            refresher.run(ledger)
        assignment = assigner.assign("checkout_button", f"user-{number}", {})
        assert assignment.group is not None
        assert assignment.propensity is not None
        assert assignment.weights is not None
        rewarded = source.random() < RATES[assignment.group.name]
        delay = timedelta(hours=float(source.exponential(5)))
        met.append(
            Met(
                assignment.group.name,
                assignment.propensity,
                assignment.weights,
                clock(),
                clock() + delay if rewarded else None,
            )
        )
        clock.advance(SECONDS_BETWEEN_USERS)
    return met


@pytest.fixture(scope="module")
def met() -> list[Met]:
    return simulate(seed=7)


def share(met: list[Met], group: str) -> float:
    return sum(each.group == group for each in met) / len(met)


def test_the_better_arm_ends_above_four_fifths_of_the_traffic(met: list[Met]) -> None:
    assert share(met, "treatment") > 0.8
    assert share(met[-5_000:], "treatment") > 0.95


def test_nothing_moves_before_outcomes_are_known(met: list[Met]) -> None:
    known = round(WINDOW.total_seconds() / SECONDS_BETWEEN_USERS)
    assert {each.propensity for each in met[:known]} == {0.5}


def test_every_group_keeps_its_floor(met: list[Met]) -> None:
    assert min(min(each.weights.values()) for each in met) >= 0.025
    late = met[-5_000:]
    floor, error = 0.025, sqrt(0.025 * 0.975 / len(late))
    assert share(late, "control") > floor - 4 * error


def test_recorded_propensities_are_the_frequencies(met: list[Met]) -> None:
    p = np.array([each.weights["treatment"] for each in met])
    drawn = np.array([each.group == "treatment" for each in met])
    assert abs(float(np.sum(drawn - p))) < 3.3 * sqrt(float(np.sum(p * (1 - p))))
    checked = 0
    for low, high in ((0.0, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 0.98)):
        within = (p >= low) & (p < high) if low != 0.5 else (p == 0.5) | ((p > low) & (p < high))
        if within.sum() < 100:
            continue
        error = sqrt(float(np.sum(p[within] * (1 - p[within]))))
        assert abs(float(np.sum(drawn[within] - p[within]))) < 3.3 * error
        checked += 1
    assert checked >= 2


def test_the_expected_sizes_of_the_weights_in_force_are_the_sizes(met: list[Met]) -> None:
    expected = sum(each.weights["control"] for each in met)
    found = sum(each.group == "control" for each in met)
    variance = sum(each.weights["control"] * each.weights["treatment"] for each in met)
    assert abs(found - expected) < 3.3 * sqrt(variance)


RUNS, EPOCHS, PER_EPOCH = 200, 40, 250
TRUTH = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """One simulated experiment's estimates of the same difference.

    `pages` are of a number that is high for everybody: four pages, and one more where the user clicked.
    """

    plain: float
    horvitz_thompson: Difference
    hajek: Difference
    pages_horvitz_thompson: Difference
    pages_hajek: Difference


def moments(y: NDArray[np.float64], p: NDArray[np.float64]) -> PropensityMoments:
    inverse, total = float(np.sum(1 / p)), float(np.sum(y / p))
    return PropensityMoments(
        n=len(y),
        inverse=inverse,
        total=total,
        squares=float(np.sum((y / p) ** 2)),
        residual=float(np.sum(((y - total / inverse) / p) ** 2)),
    )


def one_run(source: np.random.Generator) -> Run:
    """Run a bandit on users who come to click less from epoch to epoch, whichever arm they meet.

    An epoch's outcomes are known one epoch later.
    """
    weights = [0.5, 0.5]
    arms, ys, ps = [], [], []
    counts = [ArmCounts(0, 0, 0), ArmCounts(0, 0, 0)]
    for epoch in range(EPOCHS):
        base = 0.25 * (1 - epoch / EPOCHS) + 0.05
        arm = (source.random(PER_EPOCH) < weights[1]).astype(int)
        y = (source.random(PER_EPOCH) < base + TRUTH * arm).astype(np.float64)
        arms.append(arm)
        ys.append(y)
        ps.append(np.where(arm == 1, weights[1], weights[0]))
        weights = thompson_weights(counts, [0.5, 0.5], floor=0.025, minimum_exposures=100)
        counts = [
            ArmCounts(
                count.exposures + int(np.sum(arm == index)),
                count.matured + int(np.sum(arm == index)),
                count.rewards + int(np.sum(y[arm == index])),
            )
            for index, count in enumerate(counts)
        ]
    arm, y, p = np.concatenate(arms), np.concatenate(ys), np.concatenate(ps)
    plain = float(np.mean(y[arm == 1]) - np.mean(y[arm == 0]))
    return Run(plain, *_both(y, p, arm), *_both(y + 4, p, arm))


def _both(y: NDArray[np.float64], p: NDArray[np.float64], arm: NDArray[np.int_]) -> tuple[Difference, Difference]:
    control, treatment = moments(y[arm == 0], p[arm == 0]), moments(y[arm == 1], p[arm == 1])
    ht, hajek = horvitz_thompson_difference(control, treatment, len(y)), hajek_difference(control, treatment)
    assert isinstance(ht, Difference)
    assert isinstance(hajek, Difference)
    return ht, hajek


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    source = np.random.default_rng(11)
    return [one_run(source) for _ in range(RUNS)]


def monte_carlo(estimates: list[float]) -> tuple[float, float]:
    """The mean error of estimates, and its standard error."""
    errors = np.array(estimates) - TRUTH
    return float(np.mean(errors)), float(np.std(errors, ddof=1)) / sqrt(len(errors))


def test_horvitz_thompson_is_unbiased_where_plain_means_are_not(runs: list[Run]) -> None:
    error, spread = monte_carlo([run.horvitz_thompson.estimate for run in runs])
    assert abs(error) < 2.6 * spread
    error, spread = monte_carlo([run.plain for run in runs])
    assert abs(error) > 5 * spread


def test_hajek_is_nearly_unbiased(runs: list[Run]) -> None:
    error, spread = monte_carlo([run.hajek.estimate for run in runs])
    assert abs(error) < 3 * spread


@pytest.mark.parametrize("method", ["horvitz_thompson", "hajek", "pages_horvitz_thompson", "pages_hajek"])
def test_the_intervals_cover(runs: list[Run], method: str) -> None:
    estimates: list[Difference] = [getattr(run, method) for run in runs]
    covered = sum(each.lower <= TRUTH <= each.upper for each in estimates)
    # 95 % of 200 runs, give or take three standard errors of a binomial.
    assert 0.95 * RUNS - 3 * sqrt(RUNS * 0.95 * 0.05) <= covered


@pytest.mark.parametrize(("metric", "at_most"), [("", 1.0), ("pages_", 0.05)])
def test_hajek_has_the_smaller_error(runs: list[Run], metric: str, at_most: float) -> None:
    squared = {
        name: float(np.mean([(getattr(run, metric + name).estimate - TRUTH) ** 2 for run in runs]))
        for name in ("hajek", "horvitz_thompson")
    }
    assert squared["hajek"] < at_most * squared["horvitz_thompson"]
