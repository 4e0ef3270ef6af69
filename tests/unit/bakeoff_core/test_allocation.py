from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bakeoff_core.assignment.allocation import AllocationStores, Allocator, by_hash
from bakeoff_core.assignment.bucketing import bucket
from bakeoff_core.assignment.custom import CustomAlgorithm
from bakeoff_core.assignment.drawing import Draw
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.arms import ArmRecord, ArmsKey, Epoch, InMemoryArmStore
from bakeoff_core.stores.assignments import AssignmentKey, InMemoryAssignmentStore, KeptAssignment
from tests.support import NOON, SettableClock, experiment

GROUPS = [{"name": "control", "weight": 5}, {"name": "v2", "weight": 3}, {"name": "v3", "weight": 2}]
SHARES = {"control": 0.5, "v2": 0.3, "v3": 0.2}
LEARNT = {"control": 0.1, "v2": 0.7, "v3": 0.2}
STICKY = ("random", "weighted", "bandit", "custom")


def lean_to_v2(experiment: Experiment, unit: str) -> Mapping[str, float]:
    lean = experiment.algorithm_parameters.get("lean", 1)
    assert isinstance(lean, int)
    return {"control": 1, "v2": lean}


def of(algorithm: str, **changes: Any) -> Experiment:
    custom = {"custom_algorithm": "lean_to_v2"} if algorithm == "custom" else {}
    return experiment(groups=GROUPS, assignment_algorithm=algorithm, **custom | changes)


class BrokenAssignments(InMemoryAssignmentStore):
    """Assignments that can be made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.fails_to_read = self.fails_to_write = False

    def get(self, key: AssignmentKey, now: datetime) -> KeptAssignment | None:
        if self.fails_to_read:
            raise DependencyUnavailable("the assignment table")
        return super().get(key, now)

    def keep(self, key: AssignmentKey, offered: KeptAssignment, now: datetime) -> KeptAssignment:
        if self.fails_to_write:
            raise DependencyUnavailable("the assignment table")
        return super().keep(key, offered, now)


class BrokenArms(InMemoryArmStore):
    """Arms that can be made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.reads = 0

    def assigned(self, key: ArmsKey) -> dict[str, int]:
        self._fail()
        return super().assigned(key)

    def count_assigned(self, key: ArmsKey, group: str) -> None:
        self._fail()
        super().count_assigned(key, group)

    def epoch(self, key: ArmsKey) -> Epoch | None:
        self.reads += 1
        self._fail()
        return super().epoch(key)

    def _fail(self) -> None:
        if self.fails:
            raise DependencyUnavailable("the arm table")


class Bench:
    """An allocator with everything it stands on."""

    def __init__(self, seed: int = 0, custom: Mapping[str, CustomAlgorithm] | None = None) -> None:
        self.assignments, self.arms, self.clock = BrokenAssignments(), BrokenArms(), SettableClock()
        source: Callable[[], float] = np.random.default_rng(seed).random
        self.allocate = Allocator(
            AllocationStores(self.assignments, self.arms),
            source,
            self.clock,
            10,
            {"lean_to_v2": lean_to_v2} if custom is None else custom,
        )

    def draw(self, running: Experiment, unit: str) -> Draw:
        return self.allocate(running, unit, self.clock())

    def learn(self, number: int = 1, weights: Mapping[str, float] = LEARNT, config_version: int = 1) -> None:
        arms = {group: ArmRecord(100, 100, 10, weight) for group, weight in weights.items()}
        self.arms.put_epoch(ArmsKey("checkout_button", config_version), Epoch(number, NOON, arms))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def fallbacks(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = [line for line in capsys.readouterr().out.splitlines() if '"assignment_fallback_total"' in line]
    return [cause for line in lines for cause in ("assignments", "arms", "custom_algorithm") if f'"{cause}"' in line]


def test_hash_based_reads_and_writes_nothing(bench: Bench) -> None:
    bench.assignments.fails_to_read = bench.arms.fails = True
    for number in range(50):
        assert bench.draw(of("hash_based"), f"u{number}") == by_hash(of("hash_based"), f"u{number}")


@pytest.mark.parametrize("algorithm", STICKY)
def test_the_first_group_stays(bench: Bench, algorithm: str) -> None:
    running = of(algorithm)
    first = {unit: bench.draw(running, unit) for unit in map(str, range(50))}
    bench.learn()
    bench.clock.advance(3_600)
    assert {unit: bench.draw(running, unit) for unit in first} == first
    assert len({drawn.group for drawn in first.values()}) > 1


@pytest.mark.parametrize("algorithm", STICKY)
def test_a_new_configuration_version_assigns_anew(bench: Bench, algorithm: str) -> None:
    units = [str(number) for number in range(200)]
    before = [bench.draw(of(algorithm), unit).group for unit in units]
    after = [bench.draw(of(algorithm, config_version=2), unit).group for unit in units]
    stayed = sum(old == new for old, new in zip(before, after, strict=True))
    assert 0.2 < stayed / len(units) < 0.6


def test_an_assignment_holds_for_the_days_that_were_configured(bench: Bench) -> None:
    running = of("random", sticky_days=30)
    first = {unit: bench.draw(running, unit) for unit in map(str, range(100))}
    bench.clock.advance(timedelta(days=30).total_seconds() - 1)
    assert {unit: bench.draw(running, unit) for unit in first} == first
    bench.clock.advance(1)
    assert {unit: bench.draw(running, unit) for unit in first} != first


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [("random", SHARES), ("bandit", SHARES), ("custom", {"control": 0.5, "v2": 0.5, "v3": 0.0})],
)
def test_the_recorded_weights_are_those_that_were_drawn_with(
    bench: Bench, algorithm: str, expected: dict[str, float]
) -> None:
    drawn = bench.draw(of(algorithm), "u")
    assert drawn.weights == expected
    assert drawn.propensity == expected[drawn.group]


def test_an_algorithm_of_the_deployers_reads_its_parameters(bench: Bench) -> None:
    drawn = bench.draw(of("custom", algorithm_parameters={"lean": 3}), "u")
    assert drawn.weights == {"control": 0.25, "v2": 0.75, "v3": 0.0}


def test_weighted_counts_each_unit_once(bench: Bench) -> None:
    running = of("weighted")
    for _ in range(3):
        for number in range(100):
            bench.draw(running, str(number))
    counts = bench.arms.assigned(ArmsKey("checkout_button", 1))
    assert sum(counts.values()) == 100
    assert all(abs(counts[group] - 100 * share) <= 5 for group, share in SHARES.items())


def test_a_bandit_draws_with_the_present_epoch(bench: Bench) -> None:
    running = of("bandit")
    assert bench.draw(running, "early").weights == SHARES
    bench.learn()
    assert bench.draw(running, "a moment later").weights == SHARES
    bench.clock.advance(10)
    assert bench.draw(running, "late").weights == LEARNT
    assert bench.draw(of("bandit", config_version=2), "late").weights == SHARES


def test_a_bandits_weights_are_read_once_within_their_age(bench: Bench) -> None:
    for number in range(20):
        bench.draw(of("bandit"), str(number))
    assert bench.arms.reads == 1


def test_a_group_that_the_epoch_does_not_know_gets_nothing(bench: Bench) -> None:
    bench.learn(weights={"control": 0.5, "v2": 0.5})
    assert bench.draw(of("bandit"), "u").weights == {"control": 0.5, "v2": 0.5, "v3": 0.0}


@pytest.mark.parametrize("failure", ["fails_to_read", "fails_to_write"])
@pytest.mark.parametrize(
    ("algorithm", "weights"),
    [
        ("random", SHARES),
        ("weighted", SHARES),
        ("bandit", LEARNT),
        ("custom", {"control": 0.5, "v2": 0.5, "v3": 0.0}),
    ],
)
def test_without_the_assignments_the_hash_draws_from_the_same_weights(
    bench: Bench, failure: str, algorithm: str, weights: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    setattr(bench.assignments, failure, True)
    bench.learn()
    running = of(algorithm)
    units = [str(number) for number in range(300)]
    drawn = [bench.draw(running, unit) for unit in units]
    assert [bench.draw(running, unit) for unit in units] == drawn
    bounds = np.cumsum([weights[group] for group in SHARES])
    points = [bucket("checkout_button", "group", unit) for unit in units]
    assert [each.group for each in drawn] == [list(SHARES)[int(np.searchsorted(bounds, p, "right"))] for p in points]
    assert drawn[0].weights == weights
    assert drawn[0].propensity == weights[drawn[0].group]
    assert fallbacks(capsys) == ["assignments"] * 600
    assert bench.arms.assigned(ArmsKey("checkout_button", 1)) == {}


def test_a_hash_drawn_group_is_not_kept(bench: Bench) -> None:
    bench.assignments.fails_to_write = True
    bench.draw(of("random"), "u")
    assert bench.assignments.get(AssignmentKey("checkout_button", 1, "u"), NOON) is None


def test_a_kept_group_needs_no_arms(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    first = {
        (algorithm, unit): bench.draw(of(algorithm), unit) for algorithm in ("weighted", "bandit") for unit in "ab"
    }
    bench.arms.fails = True
    bench.clock.advance(60)
    assert {(algorithm, unit): bench.draw(of(algorithm), unit) for algorithm, unit in first} == first
    assert fallbacks(capsys) == []


@pytest.mark.parametrize("algorithm", ["weighted", "bandit"])
def test_without_the_arms_the_configured_shares_serve_and_the_group_is_kept(
    bench: Bench, algorithm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.arms.fails = True
    drawn = bench.draw(of(algorithm), "u")
    assert drawn.weights == SHARES
    assert set(fallbacks(capsys)) == {"arms"}
    bench.arms.fails = False
    bench.learn()
    bench.clock.advance(60)
    assert bench.draw(of(algorithm), "u") == drawn


def test_the_last_known_epoch_serves_while_the_arms_fail(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.learn()
    bench.draw(of("bandit"), "first")
    bench.arms.fails = True
    bench.clock.advance(3_600)
    assert bench.draw(of("bandit"), "second").weights == LEARNT
    assert fallbacks(capsys) == ["arms"]


def raises(experiment: Experiment, unit: str) -> Mapping[str, float]:
    raise RuntimeError("a mistake in the deployer's code")


@pytest.mark.parametrize("custom", [{}, {"lean_to_v2": raises}, {"lean_to_v2": lambda _e, _u: {"nobody": 1.0}}])
def test_a_failing_algorithm_of_the_deployers_gives_way_to_the_configured_shares(
    custom: dict[str, CustomAlgorithm], capsys: pytest.CaptureFixture[str]
) -> None:
    assert Bench(custom=custom).draw(of("custom"), "u").weights == SHARES
    assert fallbacks(capsys) == ["custom_algorithm"]


@pytest.mark.parametrize("algorithm", ["hash_based", *STICKY])
def test_two_hundred_thousand_units_are_spread_by_the_weights(algorithm: str) -> None:
    bench, units = Bench(seed=5), 200_000
    bench.learn()
    expected = {"bandit": LEARNT, "custom": {"control": 0.25, "v2": 0.75}}.get(algorithm, SHARES)
    running = of(algorithm, **{"algorithm_parameters": {"lean": 3}} if algorithm == "custom" else {})
    counts = Counter(bench.draw(running, f"user-{number}").group for number in range(units))
    assert counts.keys() == expected.keys()
    test = stats.chisquare([counts[name] for name in expected], [units * share for share in expected.values()])
    assert test.pvalue > 0.001
    if algorithm == "weighted":
        assert all(abs(counts[name] - units * share) <= 5 for name, share in SHARES.items())
