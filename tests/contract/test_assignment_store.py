from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from bakeoff_core.assignment.drawing import Draw
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.assignments import (
    AssignmentKey,
    AssignmentStore,
    DynamoAssignmentStore,
    InMemoryAssignmentStore,
    KeptAssignment,
)
from bakeoff_core.stores.aws import table
from tests.aws import create_table
from tests.support import NOON, unicode_text

DAY = timedelta(days=1)
KEY = AssignmentKey("checkout_button", 1, "user-1")
A = KeptAssignment(Draw("a", {"a": 0.1, "b": 0.9}), NOON + DAY)
B = KeptAssignment(Draw("b", {"a": 1e-300, "b": 1 - 1e-300}), NOON + 3 * DAY)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> AssignmentStore:
    if request.param == "memory":
        return InMemoryAssignmentStore()
    request.getfixturevalue("aws")
    create_table("assignments", "key")
    return DynamoAssignmentStore(table("assignments"))


def test_knows_nothing_of_a_new_unit(store: AssignmentStore) -> None:
    assert store.get(KEY, NOON) is None


def test_reads_what_was_kept_with_its_exact_weights(store: AssignmentStore) -> None:
    assert store.keep(KEY, B, NOON) is B
    assert store.get(KEY, NOON) == B


def test_the_first_one_stays(store: AssignmentStore) -> None:
    store.keep(KEY, A, NOON)
    assert store.keep(KEY, B, NOON) == A
    assert store.get(KEY, NOON) == A


def test_an_expired_one_is_ignored_and_replaced_while_it_still_lies_there(store: AssignmentStore) -> None:
    store.keep(KEY, A, NOON)
    assert store.get(KEY, NOON + DAY - timedelta(seconds=1)) == A
    assert store.get(KEY, NOON + DAY) is None
    assert store.keep(KEY, B, NOON + DAY) is B
    assert store.get(KEY, NOON + DAY) == B


def test_tells_units_experiments_and_configuration_versions_apart(store: AssignmentStore) -> None:
    store.keep(KEY, A, NOON)
    for other in (
        AssignmentKey("checkout_button", 2, "user-1"),
        AssignmentKey("checkout_button", 1, "user-2"),
        AssignmentKey("checkout", 1, "user-1"),
    ):
        assert store.get(other, NOON) is None


def test_of_offers_at_the_same_time_one_wins_and_all_learn_which(store: AssignmentStore) -> None:
    start = Barrier(16)

    def offer(number: int) -> KeptAssignment:
        start.wait()
        return store.keep(KEY, KeptAssignment(Draw(f"g{number}", {f"g{number}": 1.0}), NOON + DAY), NOON)

    with ThreadPoolExecutor(16) as pool:
        kept = set(map(str, pool.map(offer, range(16))))
    assert kept == {str(store.get(KEY, NOON))}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(unit=unicode_text.map(lambda text: text * 200))
def test_a_unit_may_be_any_text_of_any_length(store: AssignmentStore, unit: str) -> None:
    key = AssignmentKey("e" * 128, 1, unit)
    assert store.keep(key, A, NOON) == A
    assert store.get(key, NOON) == A


def test_the_winner_is_read_where_the_failed_condition_does_not_tell_it(aws: None) -> None:
    class Table:
        """Answers as the table does, but leaves the old item out of its refusal."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def put_item(self, **request: Any) -> Any:
            return self._inner.put_item(**{k: v for k, v in request.items() if not k.startswith("ReturnValues")})

        def get_item(self, **request: Any) -> Any:
            assert request["ConsistentRead"] is True
            return self._inner.get_item(**request)

    create_table("assignments", "key")
    terse = DynamoAssignmentStore(Table(table("assignments")))
    assert terse.keep(KEY, A, NOON) is A
    assert terse.keep(KEY, B, NOON) == A


def test_a_table_that_does_not_answer_is_an_unavailable_dependency(aws: None) -> None:
    store = DynamoAssignmentStore(table("missing"))
    calls: list[Callable[[], object]] = [lambda: store.get(KEY, NOON), lambda: store.keep(KEY, A, NOON)]
    for call in calls:
        with pytest.raises(DependencyUnavailable, match="the assignment table is unavailable at the moment"):
            call()


def test_forgets_every_assignment_of_a_unit_and_of_no_other(store: AssignmentStore) -> None:
    own = [AssignmentKey(experiment, version, "user-1") for experiment in ("x", "y") for version in (1, 2)]
    others = [AssignmentKey("x", 1, "user-10"), AssignmentKey("user-1", 1, "user-2")]
    for key in (*own, *others):
        store.keep(key, A, NOON)
    assert store.forget_unit("user-1") == 4
    assert [store.get(key, NOON) for key in own] == [None] * 4
    assert [store.get(key, NOON) for key in others] == [A, A]
    assert store.forget_unit("user-1") == 0
