"""What decides an experiment is settled when it starts, and when it ended is on record."""

from datetime import timedelta
from typing import Any

import pytest

from bakeoff_core.errors import ChangeRefused
from bakeoff_core.experiments.management import ExperimentManager
from bakeoff_core.stores.experiments import InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.target_users import TargetUserLists
from tests.support import NOON, SettableClock

END = NOON + timedelta(days=14)
DOCUMENT: dict[str, Any] = {
    "name": "e",
    "groups": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}],
    "metrics": ["click_rate"],
    "start_time": NOON.isoformat(),
    "end_time": END.isoformat(),
    "analysis": {"inference": "fixed_horizon"},
}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def manager(clock: SettableClock) -> ExperimentManager:
    lists = TargetUserLists(InMemoryObjectStore())
    return ExperimentManager(InMemoryExperimentStore(), InMemoryModelRegistry(), clock, lists=lists)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"analysis": {}}, "analysis.inference"),
        ({"analysis": {"inference": "fixed_horizon", "confidence_level": 0.9}}, "analysis.confidence_level"),
        ({"analysis": {"inference": "fixed_horizon", "minimum_sample_size": 5}}, "analysis.minimum_sample_size"),
        ({"analysis": {"inference": "fixed_horizon", "tuning_sample_size": 9}}, "analysis.tuning_sample_size"),
        ({"end_time": (END + timedelta(days=7)).isoformat()}, "end_time"),
    ],
)
def test_what_decides_changes_only_with_a_new_version(
    manager: ExperimentManager, changes: dict[str, Any], field: str
) -> None:
    manager.create(DOCUMENT, "ann")
    manager.change("e", DOCUMENT | changes, "ann")
    manager.change("e", DOCUMENT, "ann")
    manager.move("e", "start", "ann")
    with pytest.raises(ChangeRefused, match=f"^{field}: what decides was settled when the experiment started"):
        manager.change("e", DOCUMENT | changes, "ann")
    assert manager.change("e", DOCUMENT | changes, "ann", new_version=True).config_version == 2


def test_what_only_shows_more_may_change_while_it_runs(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    manager.move("e", "start", "ann")
    plan = {"inference": "fixed_horizon", "segments": ["country"], "relative_interval": "fieller", "power": 0.9}
    changed = manager.change("e", DOCUMENT | {"analysis": plan}, "ann")
    assert (changed.config_version, changed.analysis.segments) == (1, ("country",))


def test_the_end_may_move_where_no_plan_depends_on_it(manager: ExperimentManager) -> None:
    document = DOCUMENT | {"analysis": {}}
    manager.create(document, "ann")
    manager.move("e", "start", "ann")
    later = (END + timedelta(days=7)).isoformat()
    assert manager.change("e", document | {"end_time": later}, "ann").config_version == 1


@pytest.mark.parametrize("action", ["stop", "complete"])
def test_when_it_ended_is_kept(manager: ExperimentManager, clock: SettableClock, action: Any) -> None:
    manager.create(DOCUMENT, "ann")
    assert manager.move("e", "start", "ann").ended_at is None
    clock.advance(60)
    assert manager.move("e", action, "ann").ended_at == NOON + timedelta(minutes=1)
    clock.advance(60)
    manager.archive("e", "ann")
    assert manager.get("e").ended_at == NOON + timedelta(minutes=1)
