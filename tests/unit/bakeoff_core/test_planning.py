from typing import Any

import pytest

from bakeoff_core.errors import InvalidInput
from bakeoff_core.experiments.changes import FieldChange
from bakeoff_core.experiments.management import ExperimentManager
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.experiments.planning import Planned, Planner, read_documents
from bakeoff_core.stores.experiments import Audit, Claim, InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.target_users import TargetUserLists
from tests.support import SettableClock

GROUPS = [{"name": "a", "weight": 1, "parameters": {"price": 1.0}}, {"name": "b", "weight": 1}]


def document(name: str = "e", **changes: Any) -> dict[str, Any]:
    return {"name": name, "groups": GROUPS, "metrics": ["click_rate"], **changes}


@pytest.fixture
def store() -> InMemoryExperimentStore:
    return InMemoryExperimentStore()


@pytest.fixture
def manager(store: InMemoryExperimentStore) -> ExperimentManager:
    return ExperimentManager(
        store, InMemoryModelRegistry(), SettableClock(), lists=TargetUserLists(InMemoryObjectStore())
    )


def plan(manager: ExperimentManager, *documents: dict[str, Any], new_version: bool = False) -> list[Planned]:
    return Planner(manager, new_version=new_version).plan(documents)


def test_a_plan_says_what_would_be_created_changed_and_left_and_writes_nothing(manager: ExperimentManager) -> None:
    manager.create(document("same"), "ann")
    manager.create(document("other"), "ann")
    before = manager.list()
    assert plan(manager, document("new"), document("same"), document("other", sample_rate=0.25)) == [
        Planned("new", "created"),
        Planned("same", "unchanged"),
        Planned("other", "changed", (FieldChange("sample_rate", 1.0, 0.25),)),
    ]
    assert manager.list() == before


def test_a_change_is_shown_by_the_field_that_it_changes(manager: ExperimentManager) -> None:
    manager.create(document(targeting={"country": "DE"}), "ann")
    groups = [{**GROUPS[0], "weight": 2, "parameters": {"price": 0.9, "x": 1}}, GROUPS[1]]
    (planned,) = plan(manager, document(groups=groups, targeting={"country": "AT"}, metrics=["click_rate", "revenue"]))
    changes = {change.field: (change.before, change.after) for change in planned.changes}
    assert list(changes) == [
        "groups[0].weight",
        "groups[0].parameters.price",
        "groups[0].parameters.x",
        "targeting.country",
        "metrics",
    ]
    assert changes["groups[0].parameters.x"] == (None, 1)
    assert changes["targeting.country"] == ("DE", "AT")


def test_a_running_experiment_is_unchanged_by_the_file_it_came_from(manager: ExperimentManager) -> None:
    created = manager.create(document(), "ann")
    running = manager.move("e", "start", "ann")
    for same in (
        document(),
        document(status="draft"),
        created.model_dump(mode="json"),
        running.model_dump(mode="json"),
    ):
        assert plan(manager, same) == [Planned("e", "unchanged")]
    manager.move("e", "stop", "ann")
    assert plan(manager, document()) == [Planned("e", "unchanged")]


def test_what_cannot_be_written_is_refused_with_its_reason(manager: ExperimentManager) -> None:
    for name in ("running", "stopped", "archived"):
        manager.create(document(name), "ann")
    manager.move("running", "start", "ann")
    manager.move("stopped", "start", "ann")
    manager.move("stopped", "stop", "ann")
    manager.archive("archived", "ann")
    refused = plan(
        manager,
        document("wrong", sample_rate=2),
        document("running", salt="s"),
        document("stopped", sample_rate=0.5),
        document("archived"),
        document("eager", status="running"),
    )
    assert {each.action for each in refused} == {"refused"}
    reasons = [str(each.reason)[:60] for each in refused]
    assert reasons == [
        "sample_rate: input should be less than or equal to 1, got 2",
        "salt: changing this while the experiment is running would mo",
        "status: an experiment that is stopped does not change any mo",
        "name: experiment 'archived' is archived; create one under an",
        "status: is draft and not changed by applying: start, pause, ",
    ]
    assert plan(manager, document("running", salt="s"), new_version=True)[0].action == "changed"


def test_applying_writes_what_was_planned_with_its_author(manager: ExperimentManager) -> None:
    manager.create(document("other"), "ann")
    planner = Planner(manager, new_version=False)
    documents = [document("new"), document("other", sample_rate=0.25)]
    planned = planner.plan(documents)
    assert planner.apply(documents, "bob") == planned
    assert manager.get("other").sample_rate == 0.25
    assert [(e.audit.actor, e.audit.action) for e in manager.history("other")] == [("ann", "create"), ("bob", "change")]
    assert [each.action for each in planner.apply(documents, "bob")] == ["unchanged", "unchanged"]
    assert len(manager.history("other")) == 2


def test_nothing_is_written_when_one_is_refused(manager: ExperimentManager) -> None:
    outcome = Planner(manager, new_version=False).apply([document("new"), document("wrong", sample_rate=2)], "ann")
    assert [each.action for each in outcome] == ["created", "refused"]
    assert manager.list() == []


def test_what_somebody_changed_in_the_meantime_is_refused(
    manager: ExperimentManager, store: InMemoryExperimentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = store.put

    def put_after_another(experiment: Experiment, audit: Audit, claim: Claim | None = None) -> Experiment:
        if experiment.name == "e":
            put(experiment.model_copy(update={"description": "theirs"}), Audit("eve", "create", audit.at))
        return put(experiment, audit, claim)

    monkeypatch.setattr(store, "put", put_after_another)
    outcome = Planner(manager, new_version=False).apply([document("e"), document("f")], "ann")
    assert [(each.name, each.action) for each in outcome] == [("e", "refused"), ("f", "created")]
    assert outcome[0].reason == "name: an experiment called 'e' exists already"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "experiments: must be there"),
        ({"experiments": {}}, "experiments: must be there, a list"),
        ({"experiments": [], "more": 1}, "experiments: must be there, a list of experiments, and nothing else"),
        ({"experiments": [document(), 1]}, r"experiments\[1\]: must be an experiment"),
        ({"experiments": [{"groups": []}]}, r"experiments\[0\]: must be an experiment, an object with a name"),
        ({"experiments": [document(), document()]}, r"experiments\[1\].name: is there twice, got 'e'"),
    ],
)
def test_a_body_that_holds_no_experiments_is_refused(body: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{message}"):
        read_documents(body)
