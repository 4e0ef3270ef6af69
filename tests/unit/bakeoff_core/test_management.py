from typing import Any

import pytest

from bakeoff_core.errors import (
    ChangeRefused,
    ExperimentExists,
    ExperimentNotFound,
    IllegalTransition,
    InvalidInput,
    NamespaceTaken,
    VersionConflict,
)
from bakeoff_core.experiments.management import ExperimentManager
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.experiments import InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelVersion
from bakeoff_core.stores.objects import InMemoryObjectStore, ObjectNotFound
from bakeoff_core.stores.target_users import TargetUserLists, describe
from tests.support import NOON, SettableClock

DOCUMENT: dict[str, Any] = {
    "name": "e",
    "groups": [{"name": "a", "weight": 1, "model_name": "m", "model_version": "v1"}, {"name": "b", "weight": 1}],
    "metrics": ["click_rate"],
}


def no_lists() -> TargetUserLists:
    return TargetUserLists(InMemoryObjectStore())


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def manager(clock: SettableClock) -> ExperimentManager:
    models = InMemoryModelRegistry()
    models.register(
        ModelVersion(name="m", version="v1", status="ready", sha256="0", size_bytes=1, registered_at=NOON, metadata={})
    )
    return ExperimentManager(
        InMemoryExperimentStore(), models, clock, {"loyal_first": "shop:loyal_first"}, lists=no_lists()
    )


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


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (
            {"model_name": "m", "model_version": "v9"},
            "groups[0].model_version: no model 'm' with version or alias 'v9' is registered",
        ),
        ({"model_name": "m"}, "groups[0].model_name: no model 'm' with version or alias 'champion' is registered"),
        (
            {"model_name": "other", "model_version": "v1"},
            "groups[0].model_version: no model 'other' with version or alias 'v1' is registered",
        ),
        (
            {"model_name": "m", "model_version": "v1", "shadow_model_name": "m", "shadow_model_version": "v9"},
            "groups[0].shadow_model_version: no model 'm' with version or alias 'v9' is registered",
        ),
    ],
)
def test_an_unknown_model_is_refused_when_it_is_written(
    manager: ExperimentManager, group: dict[str, str], message: str
) -> None:
    unknown = DOCUMENT | {"groups": [{"name": "a", "weight": 1, **group}, DOCUMENT["groups"][1]]}
    manager.create(DOCUMENT, "ann")
    for write in (
        lambda: manager.create(unknown | {"name": "f"}, "ann"),
        lambda: manager.change("e", unknown, "ann"),
        lambda: manager.preview(unknown),
    ):
        with pytest.raises(InvalidInput) as caught:
            write()
        assert str(caught.value) == message


def test_shadow_model_may_change_while_the_experiment_runs(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    manager.move("e", "start", "ann")
    first, second = DOCUMENT["groups"]
    model = {"model_name": "m", "model_version": "v1"}
    assert first.items() >= model.items()
    shadowed = first | {"shadow_model_name": "m", "shadow_model_version": "v1"}
    changed = manager.change("e", DOCUMENT | {"groups": [shadowed, second]}, "ann")
    assert changed.groups[0].models == (("m", "v1"), ("m", "v1"))
    assert changed.config_version == 1


def test_an_experiment_whose_model_is_gone_does_not_start(clock: SettableClock) -> None:
    store, models = InMemoryExperimentStore(), InMemoryModelRegistry()
    models.register(
        ModelVersion(name="m", version="v1", status="ready", sha256="0", size_bytes=1, registered_at=NOON, metadata={})
    )
    ExperimentManager(store, models, clock, lists=no_lists()).create(DOCUMENT, "ann")
    without_models = ExperimentManager(store, InMemoryModelRegistry(), clock, lists=no_lists())
    with pytest.raises(InvalidInput, match=r"^groups\[0\]\.model_version: no model 'm'"):
        without_models.move("e", "start", "ann")


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
    ExperimentManager(store, InMemoryModelRegistry(), clock, ["loyal_first"], lists=no_lists()).create(custom, "ann")
    with pytest.raises(InvalidInput, match="registered: none at all"):
        ExperimentManager(store, InMemoryModelRegistry(), clock, lists=no_lists()).move("e", "start", "ann")


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
    manager = ExperimentManager(
        InMemoryExperimentStore(), InMemoryModelRegistry(), clock, ["loyal_first", "odd_last"], lists=no_lists()
    )
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


def test_an_experiment_whose_end_has_passed_does_not_start_now(manager: ExperimentManager) -> None:
    over = {"end_time": NOON.isoformat()}
    manager.create(DOCUMENT | over, "ann")
    with pytest.raises(InvalidInput, match=r"^end_time: is over: set a later one, or a start_time before it"):
        manager.move("e", "start", "ann")
    # A test that is replayed later has both times.
    manager.change("e", DOCUMENT | over | {"start_time": "2026-01-01T00:00:00Z"}, "ann")
    assert manager.move("e", "start", "ann").status == "running"


def in_namespace(name: str, start: float, end: float, namespace: str = "shop") -> dict[str, Any]:
    return DOCUMENT | {"name": name, "namespace": {"name": namespace, "range_start": start, "range_end": end}}


def test_a_part_of_a_namespace_belongs_to_one_live_experiment(manager: ExperimentManager) -> None:
    for name, start, end in [("first", 0, 0.5), ("second", 0.5, 1), ("third", 0.25, 0.75)]:
        manager.create(in_namespace(name, start, end), "ann")
    manager.create(in_namespace("elsewhere", 0, 1, "cart"), "ann")
    for name in ("first", "second", "elsewhere"):
        manager.move(name, "start", "ann")
    taken = "^namespace: 0.25 to 0.75 of 'shop' overlaps 0 to 0.5, which experiment 'first' has while it is running"
    with pytest.raises(NamespaceTaken, match=taken):
        manager.move("third", "start", "ann")
    manager.move("first", "pause", "ann")
    with pytest.raises(NamespaceTaken, match=taken):
        manager.move("third", "start", "ann")
    manager.move("first", "stop", "ann")
    with pytest.raises(NamespaceTaken, match=r"overlaps 0\.5 to 1, which experiment 'second' has"):
        manager.move("third", "start", "ann")
    manager.change("third", in_namespace("third", 0.25, 0.5), "ann")
    assert manager.move("third", "start", "ann").status == "running"


def test_of_two_starts_at_the_same_time_one_gets_the_part(clock: SettableClock) -> None:
    class Interrupted(InMemoryExperimentStore):
        """A store in which another experiment starts after the first was found to be free to."""

        interrupted = True

        def list(self, *, consistent: bool = False) -> list[Experiment]:
            found = super().list(consistent=consistent)
            if not self.interrupted:
                self.interrupted = True
                racing.move("second", "start", "bob")
            return found

    store = Interrupted()
    racing = ExperimentManager(store, InMemoryModelRegistry(), clock, lists=no_lists())
    for name in ("first", "second"):
        groups = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
        racing.create(in_namespace(name, 0, 0.5) | {"groups": groups}, "ann")
    store.interrupted = False
    with pytest.raises(VersionConflict):
        racing.move("first", "start", "ann")
    assert [(each.name, each.status) for each in racing.list()] == [("first", "draft"), ("second", "running")]


def test_a_live_experiment_does_not_grow_into_another_ones_part(manager: ExperimentManager) -> None:
    for name, start, end in [("first", 0, 0.5), ("second", 0.5, 1)]:
        manager.create(in_namespace(name, start, end), "ann")
        manager.move(name, "start", "ann")
    with pytest.raises(NamespaceTaken, match="experiment 'second'"):
        manager.change("first", in_namespace("first", 0, 0.6), "ann", new_version=True)
    assert manager.change("first", in_namespace("first", 0, 0.4), "ann", new_version=True).config_version == 2


def test_a_live_experiment_keeps_a_start_that_is_left_out(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    manager.move("e", "start", "ann")
    assert manager.change("e", DOCUMENT | {"sample_rate": 0.5}, "ann").start_time == NOON
    assert manager.change("e", DOCUMENT | {"start_time": None}, "ann").start_time == NOON
    earlier = manager.change("e", DOCUMENT | {"start_time": "2026-02-01T00:00:00Z"}, "ann").start_time
    assert str(earlier) == "2026-02-01 00:00:00+00:00"


def test_an_archived_experiment_neither_changes_nor_starts(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    manager.archive("e", "ann")
    with pytest.raises(ChangeRefused, match="name: experiment 'e' is archived"):
        manager.change("e", DOCUMENT, "ann")
    with pytest.raises(ChangeRefused, match="name: experiment 'e' is archived"):
        manager.move("e", "start", "ann")


USERS = [f"user-{n}" for n in range(1_001)]


def test_a_long_list_of_target_users_is_kept_outside_the_experiment(clock: SettableClock) -> None:
    lists = no_lists()
    manager = ExperimentManager(InMemoryExperimentStore(), InMemoryModelRegistry(), clock, lists=lists)
    document = {"name": "e", "groups": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]}
    created = manager.create(document | {"target_users": USERS}, "ann")
    assert created.target_users is None
    assert created.target_user_list == describe(USERS)
    assert lists.load(describe(USERS)) == set(USERS)
    # What was read may come back, and so may a list that is stored already.
    assert manager.change("e", created.model_dump(mode="json"), "ann").target_user_list == describe(USERS)
    shorter = manager.change("e", document | {"target_users": USERS[:3]}, "ann")
    assert (shorter.target_users, shorter.target_user_list) == (("user-0", "user-1", "user-2"), None)
    stored = lists.keep(["somebody"]).model_dump()
    assert manager.change("e", document | {"target_user_list": stored}, "ann").target_user_list == describe(
        ["somebody"]
    )


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"sha256": "0" * 64, "count": 3}, "target_user_list.sha256: no list with this checksum is stored"),
        (
            describe(["ann", "bob"]).model_dump() | {"count": 3},
            "target_user_list.count: must be 2, as many as the list holds",
        ),
    ],
)
def test_a_reference_to_a_list_is_checked(clock: SettableClock, reference: dict[str, Any], message: str) -> None:
    lists = no_lists()
    lists.keep(["ann", "bob"])
    manager = ExperimentManager(InMemoryExperimentStore(), InMemoryModelRegistry(), clock, lists=lists)
    groups = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
    with pytest.raises(InvalidInput, match=f"^{message}$"):
        manager.create({"name": "e", "groups": groups, "target_user_list": reference}, "ann")


def test_a_preview_writes_nothing(clock: SettableClock) -> None:
    lists = no_lists()
    manager = ExperimentManager(InMemoryExperimentStore(), InMemoryModelRegistry(), clock, lists=lists)
    groups = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
    present, after = manager.preview({"name": "e", "groups": groups, "target_users": USERS})
    assert present is None
    assert after.target_user_list == describe(USERS)
    assert manager.list() == []
    with pytest.raises(ObjectNotFound):
        lists.load(describe(USERS))


def test_a_part_changes_in_any_status_and_moves_no_unit(manager: ExperimentManager, clock: SettableClock) -> None:
    created = manager.create(DOCUMENT, "ann")
    for action in ("start", "complete"):
        manager.move("e", action, "ann")
    clock.advance(60)
    changed = manager.change_part("e", "schedule", {"frequency": "daily", "time_zone": "Europe/Berlin"}, "bea")
    assert changed.schedule is not None
    assert (changed.schedule.time_zone, changed.schedule.time) == ("Europe/Berlin", "08:00")
    assert (changed.status, changed.version, changed.config_version) == ("completed", created.version + 3, 1)
    assert changed.updated_at == clock.now
    assert manager.get("e") == changed
    assert [(each.audit.actor, each.audit.action) for each in manager.history("e")][-1] == ("bea", "change")
    assert manager.change_part("e", "schedule", None, "bea").schedule is None


def test_a_wrong_part_is_named_to_its_field(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    with pytest.raises(InvalidInput) as refused:
        manager.change_part(
            "e", "schedule", {"frequency": "daily", "time_zone": "Mars/Base", "weekday": "friday"}, "bea"
        )
    assert [error.loc for error in refused.value.errors] == ["schedule.time_zone", "schedule.weekday"]
    assert manager.get("e").version == 1


def test_no_part_of_an_archived_experiment_changes(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT, "ann")
    manager.archive("e", "ann")
    with pytest.raises(ChangeRefused, match="is archived"):
        manager.change_part("e", "schedule", None, "ann")


def test_a_definition_that_leaves_a_part_out_keeps_it(manager: ExperimentManager) -> None:
    manager.create(DOCUMENT | {"schedule": {"frequency": "hourly"}}, "ann")
    present, after = manager.preview(DOCUMENT)
    assert present == after
    kept = manager.change("e", DOCUMENT | {"sample_rate": 0.5}, "ann").schedule
    assert kept is not None
    assert (kept.frequency, kept.minute) == ("hourly", 0)
    assert manager.change("e", DOCUMENT | {"schedule": None}, "ann").schedule is None
