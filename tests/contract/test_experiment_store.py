from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import JsonValue, ValidationError

from bakeoff_core.errors import DependencyUnavailable, ExperimentNotFound, PayloadTooLarge, VersionConflict
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.aws import table
from bakeoff_core.stores.experiments import (
    Audit,
    Claim,
    DynamoExperimentStore,
    ExperimentStore,
    InMemoryExperimentStore,
)
from tests.support import NOON, experiment

AUDIT = Audit("ann", "create", NOON)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> ExperimentStore:
    if request.param == "memory":
        return InMemoryExperimentStore()
    return DynamoExperimentStore(table(request.getfixturevalue("table_name")))


def test_reads_what_was_written(store: ExperimentStore) -> None:
    written = store.put(experiment(target_users=["a"], targeting={"age": {"$gte": 18}}, sample_rate=0.1), AUDIT)
    assert written.version == 1
    assert store.get("checkout_button") == written


def test_names_what_is_missing(store: ExperimentStore) -> None:
    with pytest.raises(ExperimentNotFound, match="experiment_name: no experiment is called 'nothing'"):
        store.get("nothing")


def test_lists_by_name_what_is_not_archived(store: ExperimentStore) -> None:
    for name in ("b", "a", "c"):
        store.put(experiment(name=name), AUDIT)
    store.put(store.get("c").model_copy(update={"archived_at": NOON}), Audit("ann", "archive", NOON))
    assert [each.name for each in store.list()] == ["a", "b"]
    assert store.get("c").archived_at == NOON


def test_refuses_a_stale_write_and_keeps_no_trace_of_it(store: ExperimentStore) -> None:
    first = store.put(experiment(), AUDIT)
    second = store.put(first.model_copy(update={"sample_rate": 0.5}), Audit("ann", "change", NOON))
    with pytest.raises(VersionConflict):
        store.put(first.model_copy(update={"sample_rate": 0.9}), Audit("bob", "change", NOON))
    assert store.get("checkout_button") == second
    assert [entry.audit.actor for entry in store.history("checkout_button")] == ["ann", "ann"]


def test_refuses_to_create_twice_and_to_change_what_is_missing(store: ExperimentStore) -> None:
    store.put(experiment(), AUDIT)
    with pytest.raises(VersionConflict):
        store.put(experiment(), AUDIT)
    with pytest.raises(VersionConflict):
        store.put(experiment(name="other", version=4), AUDIT)


def test_keeps_every_change_in_order(store: ExperimentStore) -> None:
    current = experiment()
    for step in range(12):
        at = NOON + timedelta(seconds=step)
        current = store.put(current.model_copy(update={"sample_rate": step / 20}), Audit("ann", f"step{step}", at))
    history = store.history("checkout_button")
    assert [entry.audit for entry in history] == [
        Audit("ann", f"step{step}", NOON + timedelta(seconds=step)) for step in range(12)
    ]
    assert [entry.experiment.sample_rate for entry in history] == [step / 20 for step in range(12)]
    assert store.history("nothing") == []


def test_of_writers_at_the_same_time_one_wins(store: ExperimentStore) -> None:
    first = store.put(experiment(), AUDIT)

    def write(actor: int) -> bool:
        try:
            store.put(first, Audit(str(actor), "change", NOON))
        except VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1
    assert store.get("checkout_button").version == 2


def test_a_table_that_does_not_answer_is_an_unavailable_dependency(aws: None) -> None:
    store = DynamoExperimentStore(table("missing"))
    for call in (lambda: store.get("e"), store.list, lambda: store.put(experiment(), AUDIT)):
        with pytest.raises(DependencyUnavailable, match="the experiment table is unavailable at the moment"):
            call()


def test_of_claims_on_a_namespace_at_the_same_time_one_wins(store: ExperimentStore) -> None:
    assert store.claims("shop") == 0
    first = [store.put(experiment(name=f"e{number}"), AUDIT) for number in range(8)]
    claim = Claim("shop", store.claims("shop"))

    def write(present: Experiment) -> bool:
        try:
            store.put(present, AUDIT, claim)
        except VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, first)) == 1
    assert store.claims("shop") == 1
    assert sorted(each.version for each in store.list(consistent=True)) == [1] * 7 + [2]
    loser = next(each for each in store.list() if each.version == 1)
    assert store.put(loser, AUDIT, Claim("shop", 1)).version == 2
    assert (store.claims("shop"), store.claims("cart")) == (2, 0)


def test_an_experiment_that_is_too_large_for_an_item_is_refused_by_its_size(store: ExperimentStore) -> None:
    with pytest.raises(
        PayloadTooLarge, match=r"the experiment is 4\d\d,\d{3} bytes long, and at most 390,000 are kept"
    ):
        store.put(experiment(description="x" * 400_000), AUDIT)
    assert store.list() == []
    assert store.put(experiment(description="x" * 386_000), AUDIT).version == 1


def test_the_numbers_behind_a_change_stay_with_it(store: ExperimentStore) -> None:
    evidence: dict[str, JsonValue] = {"rule": "winner", "interval": [0.01, 0.02], "users": {"a": 1}}
    written = store.put(experiment(), AUDIT)
    store.put(written, Audit("monitor", "stop", NOON, evidence))
    assert [entry.audit.evidence for entry in store.history(written.name)] == [None, evidence]


def test_an_experiment_that_cannot_be_read_hides_no_other(table_name: str) -> None:
    unreadable: list[str] = []
    store = DynamoExperimentStore(table(table_name), lambda name, _error: unreadable.append(name))
    store.put(experiment(name="a"), AUDIT)
    table(table_name).put_item(Item={"name": "b", "item": "current", "version": 1, "document": '{"name": "b"}'})
    store.put(experiment(name="c"), AUDIT)
    assert [each.name for each in store.list()] == ["a", "c"]
    assert unreadable == ["b"]
    with pytest.raises(ValidationError):
        DynamoExperimentStore(table(table_name)).list()
