import pytest
from pydantic import ValidationError

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.aws import table
from bakeoff_core.stores.experiments import (
    Audit,
    DynamoExperimentIndex,
    DynamoExperimentStore,
    ExperimentIndex,
    ExperimentStore,
    InMemoryExperimentIndex,
    InMemoryExperimentStore,
)
from tests.aws import create_experiments_table
from tests.support import NOON, experiment

AUDIT = Audit("ann", "create", NOON)
Both = tuple[ExperimentStore, ExperimentIndex]


@pytest.fixture(params=["memory", "dynamodb"])
def both(request: pytest.FixtureRequest) -> Both:
    if request.param == "memory":
        store = InMemoryExperimentStore()
        return store, InMemoryExperimentIndex(store)
    request.getfixturevalue("aws")
    create_experiments_table()
    return DynamoExperimentStore(table("experiments")), DynamoExperimentIndex(table("experiments"))


def test_lists_each_experiment_once_by_name_as_it_is_now(both: Both) -> None:
    store, index = both
    assert index.listed() == []
    for name in ("b", "c", "a"):
        store.put(experiment(name=name), AUDIT)
    changed = store.put(store.get("b").model_copy(update={"description": "changed"}), Audit("ann", "change", NOON))
    assert [each.name for each in index.listed()] == ["a", "b", "c"]
    assert index.listed()[1] == changed


def test_leaves_out_what_is_archived(both: Both) -> None:
    store, index = both
    for name in ("a", "b"):
        store.put(experiment(name=name), AUDIT)
    store.put(store.get("a").model_copy(update={"archived_at": NOON}), Audit("ann", "archive", NOON))
    assert [each.name for each in index.listed()] == ["b"]


def test_reads_more_than_a_page(both: Both) -> None:
    store, index = both
    for number in range(8):
        store.put(experiment(name=f"e{number}", description="d" * 250_000), AUDIT)
    assert [each.name for each in index.listed()] == [f"e{number}" for number in range(8)]


def test_one_that_this_release_cannot_read_holds_up_no_other(aws: None) -> None:
    create_experiments_table()
    DynamoExperimentStore(table("experiments")).put(experiment(name="b"), AUDIT)
    for name in ("a", "c"):
        table("experiments").put_item(Item={"name": name, "item": "current", "listed": "yes", "document": "{}"})
    unreadable: list[str] = []
    index = DynamoExperimentIndex(table("experiments"), lambda name, _error: unreadable.append(name))
    assert ([each.name for each in index.listed()], unreadable) == (["b"], ["a", "c"])
    with pytest.raises(ValidationError):
        DynamoExperimentIndex(table("experiments")).listed()


def test_a_table_that_does_not_answer_is_an_unavailable_dependency(aws: None) -> None:
    with pytest.raises(DependencyUnavailable, match="the experiment table is unavailable at the moment"):
        DynamoExperimentIndex(table("missing")).listed()
