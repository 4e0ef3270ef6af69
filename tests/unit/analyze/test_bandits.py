from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.arms import ArmsKey, Epoch, InMemoryArmStore
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentIndex, InMemoryExperimentStore
from bandits import BanditRefresher
from stats.thompson import ArmCounts, thompson_weights
from tests.support import NOON, SettableClock, experiment

KEY = ArmsKey("checkout_button", 1)
COUNTS = {"control": ArmCounts(400, 300, 12), "treatment": ArmCounts(420, 310, 31)}


class Counter:
    """Says what it was told, and remembers when it was asked."""

    def __init__(self, counts: Mapping[str, ArmCounts] = COUNTS) -> None:
        self.counts = counts
        self.asked: list[tuple[str, datetime]] = []

    def count_arms(self, experiment: Experiment, at: datetime) -> Mapping[str, ArmCounts]:
        self.asked.append((experiment.name, at))
        if experiment.name == "broken":
            raise RuntimeError("no events")
        return self.counts


class House:
    """A refresher with everything it stands on."""

    def __init__(self) -> None:
        self.experiments, self.arms, self.clock = InMemoryExperimentStore(), InMemoryArmStore(), SettableClock()
        self.failures: list[tuple[str, str]] = []
        listed = InMemoryExperimentIndex(self.experiments)
        self.refresher = BanditRefresher(
            listed, self.arms, self.clock, lambda name, error: self.failures.append((name, str(error)))
        )

    def put(self, **changes: Any) -> None:
        document: dict[str, Any] = {"assignment_algorithm": "bandit", "bandit": {}} | changes
        self.experiments.put(experiment(**document), Audit("t", "create", NOON))

    def weights(self) -> list[float]:
        epoch = self.arms.epoch(KEY)
        assert epoch is not None
        return [arm.weight for arm in epoch.arms.values()]


@pytest.fixture
def house() -> House:
    return House()


def test_the_first_epoch_is_computed_at_once_and_written_whole(house: House) -> None:
    house.put()
    outcome = house.refresher.run(Counter)
    epoch = house.arms.epoch(KEY)
    assert epoch is not None
    assert outcome.epochs == {"checkout_button": epoch}
    assert (epoch.number, epoch.computed_at) == (1, NOON)
    expected = thompson_weights(list(COUNTS.values()), [0.5, 0.5], floor=0.025, minimum_exposures=100)
    for (group, arm), weight in zip(epoch.arms.items(), expected, strict=True):
        counts = COUNTS[group]
        assert (arm.exposures, arm.matured, arm.rewards) == (counts.exposures, counts.matured, counts.rewards)
        assert arm.weight == weight
    assert outcome.to_json() == {
        "epochs": {"checkout_button": {"number": 1, "weights": dict(zip(COUNTS, expected, strict=True))}},
        "failed": [],
    }


def test_an_epoch_lasts_as_long_as_configured(house: House) -> None:
    house.put(bandit={"refresh_minutes": 30})
    house.refresher.run(Counter)
    counter = Counter()
    house.clock.advance(30 * 60 - 1)
    assert house.refresher.run(lambda: counter).epochs == {}
    assert counter.asked == []
    house.clock.advance(1)
    assert house.refresher.run(lambda: counter).epochs["checkout_button"].number == 2
    assert counter.asked == [("checkout_button", NOON + timedelta(minutes=30))]


@pytest.mark.parametrize(
    "changes",
    [{"status": "paused"}, {"status": "draft"}, {"assignment_algorithm": "random", "bandit": None}],
)
def test_only_running_bandits_are_refreshed(house: House, changes: dict[str, Any]) -> None:
    house.put(**changes)
    counter = Counter()
    assert house.refresher.run(lambda: counter).epochs == {}
    assert counter.asked == []


def test_a_new_configuration_version_begins_anew(house: House) -> None:
    house.put()
    house.refresher.run(Counter)
    present = house.experiments.get("checkout_button")
    house.experiments.put(present.model_copy(update={"config_version": 2}), Audit("t", "change", NOON))
    assert house.refresher.run(Counter).epochs["checkout_button"].number == 1


def test_before_the_minimum_the_configured_shares_stay(house: House) -> None:
    house.put(groups=[{"name": "control", "weight": 3}, {"name": "treatment", "weight": 1}])
    few = Counter({**COUNTS, "control": ArmCounts(400, 99, 2)})
    house.refresher.run(lambda: few)
    assert house.weights() == [0.75, 0.25]
    house.clock.advance(3_600)
    house.refresher.run(Counter)
    assert house.weights() != [0.75, 0.25]


def test_the_minimum_and_the_floor_are_configured(house: House) -> None:
    house.put(bandit={"minimum_exposures": 10, "floor": 0.2})
    counts = {"control": ArmCounts(99, 90, 80), "treatment": ArmCounts(500, 400, 1)}
    house.refresher.run(lambda: Counter(counts))
    assert house.weights() == pytest.approx([0.8, 0.2])


def test_a_group_of_weight_zero_takes_no_part(house: House) -> None:
    groups = [{"name": name, "weight": weight} for name, weight in (("control", 1), ("off", 0), ("treatment", 1))]
    house.put(groups=groups)
    house.refresher.run(lambda: Counter({**COUNTS, "off": ArmCounts(0, 0, 0)}))
    epoch = house.arms.epoch(KEY)
    assert epoch is not None
    assert epoch.arms.keys() == {"control", "treatment"}
    assert sum(house.weights()) == pytest.approx(1)


def test_of_a_metric_that_should_decrease_the_lower_rate_wins(house: House) -> None:
    house.put(metrics=[{"name": "churn_rate", "kind": "conversion", "event_type": "churn", "direction": "decrease"}])
    house.refresher.run(Counter)
    control, treatment = house.weights()
    assert control > 0.9 > treatment


def test_one_failure_stops_no_other(house: House) -> None:
    house.put(name="broken")
    house.put()
    outcome = house.refresher.run(Counter)
    assert (list(outcome.epochs), outcome.failed) == (["checkout_button"], ("broken",))
    assert house.failures == [("broken", "no events")]


def test_of_two_runs_at_once_one_writes_and_neither_fails(house: House) -> None:
    house.put()

    class Overtaken(Counter):
        """While it counts, another run writes the epoch."""

        def count_arms(self, experiment: Experiment, at: datetime) -> Mapping[str, ArmCounts]:
            house.arms.put_epoch(KEY, Epoch(1, at, {}))
            return super().count_arms(experiment, at)

    outcome = house.refresher.run(Overtaken)
    assert (outcome.epochs, outcome.failed) == ({}, ())
