from typing import Any

import pytest

from bakeoff_core.errors import (
    ChangeRefused,
    ExperimentExists,
    ExperimentNotFound,
    IllegalTransition,
    InvalidInput,
    VersionConflict,
)
from bakeoff_core.experiments.management import ExperimentManager
from bakeoff_core.stores.experiments import InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelVersion
from tests.support import NOON, SettableClock

DOCUMENT: dict[str, Any] = {
    "name": "e",
    "groups": [{"name": "a", "weight": 1, "model_name": "m", "model_version": "v1"}, {"name": "b", "weight": 1}],
    "metrics": ["click_rate"],
}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def manager(clock: SettableClock) -> ExperimentManager:
    models = InMemoryModelRegistry()
    models.register(
        ModelVersion(name="m", version="v1", status="ready", sha256="0", size_bytes=1, registered_at=NOON, metadata={})
    )
    return ExperimentManager(InMemoryExperimentStore(), models, clock, {"loyal_first": "shop:loyal_first"})


def test_a_new_experiment_is_a_draft_of_version_one(manager: ExperimentManager) -> None:
    created = manager.create(DOCUMENT | {"status": "draft"}, "ann")
    assert (created.status, created.version, created.config_version) == ("draft", 1, 1)
    assert created.created_at == created.updated_at == NOON
    assert manager.get("e") == created
    assert manager.list() == [created]


def test_a_name_is_taken_once(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    with pytest.raises(ExperimentExists):
        manager.create(DOCUMENT, "ann")


def test_a_caller_cannot_create_what_is_running_already(manager: ExperimentManager) -> None:
    with pytest.raises(InvalidInput, match="status: is not set by the caller"):
        manager.create(DOCUMENT | {"status": "running"}, "ann")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (["start"], "running"),
        (["start", "pause"], "paused"),
        (["start", "pause", "resume"], "running"),
        (["start", "stop"], "stopped"),
        (["start", "pause", "stop"], "stopped"),
        (["start", "complete"], "completed"),
        (["start", "pause", "complete"], "completed"),
    ],
)
def test_lifecycle(manager: ExperimentManager, path: list[Any], status: str) -> None:
    manager.create(DOCUMENT, "ann")
    for action in path:
        moved = manager.move("e", action, "ann")
    assert moved.status == status
    assert moved.version == 1 + len(path)
    assert moved.config_version == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (["pause"], "status: cannot pause an experiment that is draft, only one that is running"),
        (["stop"], "status: cannot stop an experiment that is draft, only one that is paused or running"),
        (["start", "start"], "status: cannot start an experiment that is running, only one that is draft"),
        (["start", "stop", "resume"], "status: cannot resume an experiment that is stopped, only one that is paused"),
        (["start", "complete", "start"], "status: cannot start an experiment that is completed"),
    ],
)
def test_the_lifecycle_has_no_short_cuts(manager: ExperimentManager, path: list[Any], message: str) -> None:
    manager.create(DOCUMENT, "ann")
    for action in path[:-1]:
        manager.move("e", action, "ann")
    with pytest.raises(IllegalTransition, match=message):
        manager.move("e", path[-1], "ann")


def test_starting_sets_the_start_time_unless_it_was_set(manager: ExperimentManager, clock: SettableClock) -> None:
    manager.create(DOCUMENT, "ann")
    manager.create(DOCUMENT | {"name": "f", "start_time": "2026-01-01T00:00:00Z"}, "ann")
    clock.advance(60)
    assert manager.move("e", "start", "ann").start_time == clock.now
    assert str(manager.move("f", "start", "ann").start_time) == "2026-01-01 00:00:00+00:00"


def test_an_experiment_with_an_unknown_model_does_not_start(manager: ExperimentManager) -> None:
    groups = [{"name": "a", "weight": 1, "model_name": "m", "model_version": "v9"}, DOCUMENT["groups"][1]]
    manager.create(DOCUMENT | {"groups": groups}, "ann")
    with pytest.raises(InvalidInput) as caught:
        manager.move("e", "start", "ann")
    assert [error.loc for error in caught.value.errors] == ["groups[0]"]


@pytest.mark.parametrize(
    "changes",
    [
        {"assignment_algorithm": "random"},
        {"assignment_algorithm": "weighted"},
        {"assignment_algorithm": "bandit"},
        {"assignment_algorithm": "custom", "custom_algorithm": "loyal_first"},
    ],
)
def test_an_experiment_of_every_algorithm_starts(manager: ExperimentManager, changes: dict[str, Any]) -> None:
    manager.create(DOCUMENT | changes, "ann")
    assert manager.move("e", "start", "ann").status == "running"


def test_an_unknown_custom_algorithm_is_refused_when_it_is_written(manager: ExperimentManager) -> None:
    unknown = DOCUMENT | {"assignment_algorithm": "custom", "custom_algorithm": "nobody_knows"}
    message = "^custom_algorithm: no algorithm 'nobody_knows' is registered; registered: loyal_first$"
    with pytest.raises(InvalidInput, match=message):
        manager.create(unknown, "ann")
    manager.create(DOCUMENT, "ann")
    with pytest.raises(InvalidInput, match=message):
        manager.change("e", unknown, "ann")


def test_an_algorithm_that_is_no_longer_registered_does_not_start(clock: SettableClock) -> None:
    store = InMemoryExperimentStore()
    custom = DOCUMENT | {"groups": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]}
    custom |= {"assignment_algorithm": "custom", "custom_algorithm": "loyal_first"}
    ExperimentManager(store, InMemoryModelRegistry(), clock, ["loyal_first"]).create(custom, "ann")
    with pytest.raises(InvalidInput, match="registered: none at all"):
        ExperimentManager(store, InMemoryModelRegistry(), clock).move("e", "start", "ann")


def test_what_get_returns_may_be_put_back_with_a_change(manager: ExperimentManager, clock: SettableClock) -> None:
    manager.create(DOCUMENT, "ann")
    running = manager.move("e", "start", "ann")
    clock.advance(60)
    changed = manager.change("e", running.model_dump(mode="json") | {"sample_rate": 0.5}, "bob")
    assert changed.sample_rate == 0.5
    assert changed.status == "running"
    assert changed.updated_at == clock.now
    assert changed.created_at == NOON
    assert (changed.version, changed.config_version) == (3, 1)


def test_a_change_on_top_of_an_old_version_is_refused(manager: ExperimentManager) -> None:
    first = manager.create(DOCUMENT, "ann")
    manager.change("e", DOCUMENT | {"description": "b"}, "bob")
    with pytest.raises(VersionConflict):
        manager.change("e", first.model_dump(mode="json") | {"description": "c"}, "ann")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"groups": [{**DOCUMENT["groups"][0], "weight": 3}, DOCUMENT["groups"][1]]}, "groups"),
        ({"groups": [{**DOCUMENT["groups"][0], "parameters": {"x": 1}}, DOCUMENT["groups"][1]]}, "groups"),
        ({"salt": "other"}, "salt"),
        ({"assignment_algorithm": "random"}, "assignment_algorithm"),
        ({"namespace": {"name": "n", "range_start": 0, "range_end": 1}}, "namespace"),
    ],
)
def test_a_live_experiment_is_re_randomised_only_as_a_new_version(
    manager: ExperimentManager, change: dict[str, Any], named: str
) -> None:
    manager.create(DOCUMENT, "ann")
    manager.move("e", "start", "ann")
    with pytest.raises(ChangeRefused, match=f"^{named}: .*new_version=true"):
        manager.change("e", DOCUMENT | change, "ann")
    assert manager.change("e", DOCUMENT | change, "ann", new_version=True).config_version == 2


@pytest.mark.parametrize("change", [{"algorithm_parameters": {"x": 2}}, {"custom_algorithm": "odd_last"}])
def test_another_custom_algorithm_re_randomises_too(clock: SettableClock, change: dict[str, Any]) -> None:
    manager = ExperimentManager(InMemoryExperimentStore(), InMemoryModelRegistry(), clock, ["loyal_first", "odd_last"])
    custom = DOCUMENT | {"groups": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]}
    custom |= {"assignment_algorithm": "custom", "custom_algorithm": "loyal_first", "algorithm_parameters": {"x": 1}}
    manager.create(custom, "ann")
    manager.move("e", "start", "ann")
    with pytest.raises(ChangeRefused, match=f"^{next(iter(change))}: "):
        manager.change("e", custom | change, "ann")
    assert manager.change("e", custom | change, "ann", new_version=True).config_version == 2


def test_a_live_experiment_cannot_change_to_what_could_not_start(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    manager.move("e", "start", "ann")
    groups = [{"name": "a", "weight": 1, "model_name": "m", "model_version": "v9"}, DOCUMENT["groups"][1]]
    with pytest.raises(InvalidInput, match=r"groups\[0\]"):
        manager.change("e", DOCUMENT | {"groups": groups}, "ann", new_version=True)


def test_a_description_may_change_at_any_time_before_the_end(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    manager.move("e", "start", "ann")
    described = [{**group, "description": "arm"} for group in DOCUMENT["groups"]]
    assert manager.change("e", DOCUMENT | {"groups": described}, "ann").config_version == 1
    manager.move("e", "stop", "ann")
    with pytest.raises(ChangeRefused, match="status: an experiment that is stopped"):
        manager.change("e", DOCUMENT, "ann")


def test_a_draft_changes_freely_and_keeps_its_name(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    assert manager.change("e", DOCUMENT | {"salt": "s", "assignment_algorithm": "random"}, "ann").config_version == 1
    with pytest.raises(InvalidInput, match="name: must stay 'e'"):
        manager.change("e", DOCUMENT | {"name": "f"}, "ann")
    with pytest.raises(ExperimentNotFound):
        manager.change("f", DOCUMENT, "ann")


def test_an_archived_experiment_leaves_the_list_and_keeps_its_history(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    manager.move("e", "start", "bob")
    with pytest.raises(ChangeRefused, match="must be stopped"):
        manager.archive("e", "ann")
    manager.move("e", "stop", "bob")
    archived = manager.archive("e", "eve")
    assert archived.archived_at == NOON
    assert manager.list() == []
    history = [(entry.audit.actor, entry.audit.action, entry.experiment.status) for entry in manager.history("e")]
    assert history == [
        ("ann", "create", "draft"),
        ("bob", "start", "running"),
        ("bob", "stop", "stopped"),
        ("eve", "archive", "stopped"),
    ]
    with pytest.raises(ExperimentNotFound):
        manager.archive("e", "eve")
