"""What goes with results besides events, as it was at the moment that they are about."""

from datetime import timedelta

from background import Background
from bakeoff_core.stores.arms import ArmRecord, ArmsKey, Epoch, InMemoryArmStore
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentStore
from results import EpochPoint, HistoryChange
from tests.support import NOON, experiment

HOUR = timedelta(hours=1)


def test_history_until_the_moment_with_what_each_change_changed() -> None:
    store = InMemoryExperimentStore()
    made = store.put(experiment(status="draft"), Audit("ada", "create", NOON))
    started = store.put(made.model_copy(update={"status": "running"}), Audit("bob", "start", NOON + HOUR))
    store.put(started.model_copy(update={"status": "stopped"}), Audit("bob", "stop", NOON + 3 * HOUR))
    background = Background(store, InMemoryArmStore())
    first, second = background.of(started, NOON + HOUR)["history"]
    assert (first.version, first.action, first.actor, first.at, first.changes) == (1, "create", "ada", NOON, ())
    assert (second.version, second.action, second.actor) == (2, "start", "bob")
    assert second.changes == (HistoryChange(field="status", before="draft", after="running"),)
    assert len(background.of(started, NOON + 3 * HOUR)["history"]) == 3


def test_the_weights_of_a_bandit_until_the_moment() -> None:
    arms = InMemoryArmStore()
    bandit = experiment(assignment_algorithm="bandit", bandit={}, config_version=2, metrics=["click_rate"])
    for number in (1, 2):
        record = {"control": ArmRecord(100 * number, 90, 8, 0.25), "treatment": ArmRecord(110 * number, 95, 12, 0.75)}
        arms.put_epoch(ArmsKey(bandit.name, 2), Epoch(number, NOON + number * HOUR, record))
    background = Background(InMemoryExperimentStore(), arms)
    assert background.of(bandit, NOON + HOUR)["epochs"] == (
        EpochPoint(
            number=1,
            computed_at=NOON + HOUR,
            weights={"control": 0.25, "treatment": 0.75},
            exposures={"control": 100, "treatment": 110},
            rewards={"control": 8, "treatment": 12},
        ),
    )
    assert [point.number for point in background.of(bandit, NOON + 2 * HOUR)["epochs"]] == [1, 2]
    assert background.of(experiment(config_version=2), NOON + 2 * HOUR)["epochs"] == ()
