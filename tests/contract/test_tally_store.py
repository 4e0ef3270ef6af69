from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.events.model import Event
from bakeoff_core.stores.arms import ArmsKey, DynamoArmStore
from bakeoff_core.stores.aws import table
from bakeoff_core.stores.counters import Shards
from bakeoff_core.stores.tallies import (
    DynamoTallyStore,
    InMemoryTallyStore,
    Mark,
    NoTallies,
    Tally,
    TallyStore,
    mark_of,
)
from tests.support import NOON

KEY = ArmsKey("checkout", 2)
YEAR = timedelta(days=400)


def event(number: int, event_type: str = "exposure", **changes: Any) -> Event:
    fields: dict[str, Any] = {"experiment_name": "checkout", "group_name": "a", "config_version": 2}
    return Event(
        event_id=f"e{number}",
        event_type=event_type,
        user_id="u",
        timestamp=NOON,
        received_at=NOON,
        **(fields | changes),
    )


def marks(events: Iterable[Event]) -> dict[str, Mark]:
    return {event.event_id: mark for event in events if (mark := mark_of(event)) is not None}


def in_turn(shards: int) -> Shards:
    turn = count()
    return Shards(shards, randrange=lambda below: next(turn) % below)


@pytest.fixture
def ids_name(aws: None) -> str:
    boto3.client("dynamodb").create_table(
        TableName="ids",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "event_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "event_id", "KeyType": "HASH"}],
    )
    return "ids"


@pytest.fixture(params=["memory", "dynamodb", pytest.param("dynamodb in shards", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest) -> TallyStore:
    if request.param == "memory":
        return InMemoryTallyStore()
    arms, ids = request.getfixturevalue("table_name"), request.getfixturevalue("ids_name")
    shards = in_turn(3) if "shards" in request.param else Shards()
    return DynamoTallyStore(table(arms), table(ids), YEAR, shards)


def test_counts_exposures_and_rewards_by_arm(store: TallyStore) -> None:
    assert store.tallies(KEY) == {}
    events = [event(1), event(2, "assignment"), event(3, "purchase"), event(4, group_name="b"), event(5, "click")]
    assert store.add(marks(events), NOON) == 5
    assert store.tallies(KEY) == {"a": Tally(2, 2), "b": Tally(1, 0)}


def test_leaves_out_what_names_no_arm(store: TallyStore) -> None:
    nameless = [event(1, group_name=None), event(2, "click", experiment_name=None), event(3, "prediction")]
    assert store.add(marks(nameless), NOON) == 0
    assert store.tallies(KEY) == {}


def test_tells_experiments_and_versions_apart(store: TallyStore) -> None:
    store.add(
        marks([event(1), event(2, config_version=3), event(3, config_version=None), event(4, experiment_name="x")]),
        NOON,
    )
    for key in (KEY, ArmsKey("checkout", 3), ArmsKey("checkout", 0), ArmsKey("x", 2)):
        assert store.tallies(key) == {"a": Tally(1, 0)}
    assert store.tallies(ArmsKey("checkout", 1)) == {}


def test_an_id_counts_once_however_it_comes_again(store: TallyStore) -> None:
    first = [event(n, group_name="ab"[n % 2]) for n in range(150)]
    assert store.add(marks([*first, *first[:20]]), NOON) == 150
    assert store.add(marks(first), NOON) == 0
    overlapping = [event(n, group_name="ab"[n % 2]) for n in range(100, 260)]
    assert store.add(marks(overlapping[::-1]), NOON) == 110
    assert store.tallies(KEY) == {"a": Tally(130, 0), "b": Tally(130, 0)}


def test_the_first_arm_of_an_id_counts(store: TallyStore) -> None:
    store.add(marks([event(1)]), NOON)
    store.add(marks([event(1, group_name="b")]), NOON)
    store.add(marks([event(1, "purchase", group_name="c")]), NOON)
    assert store.tallies(KEY) == {"a": Tally(1, 0)}


def test_many_experiments_in_one_batch(store: TallyStore) -> None:
    assert store.add(marks([event(n, experiment_name=f"x{n}") for n in range(230)]), NOON) == 230
    assert [store.tallies(ArmsKey(f"x{n}", 2)) for n in (0, 229)] == [{"a": Tally(1, 0)}] * 2


def test_overlapping_deliveries_count_once(store: TallyStore) -> None:
    batches = [[event(n) for n in range(start, start + 60)] for start in range(0, 100, 20)]
    # moto copies whole tables for a transaction, which two at once break.
    with ThreadPoolExecutor(4 if isinstance(store, InMemoryTallyStore) else 1) as pool:
        assert sum(pool.map(lambda batch: store.add(marks(batch), NOON), batches)) == 140
    assert store.tallies(KEY) == {"a": Tally(140, 0)}


def test_assigned_units_are_counted_beside(table_name: str, ids_name: str) -> None:
    arms = DynamoArmStore(table(table_name))
    DynamoTallyStore(table(table_name), table(ids_name), YEAR).add(marks([event(1)]), NOON)
    arms.count_assigned(KEY, "a")
    assert arms.assigned(KEY) == {"a": 1}


def test_ids_are_remembered_as_long_as_events_are_kept(table_name: str, ids_name: str) -> None:
    DynamoTallyStore(table(table_name), table(ids_name), YEAR).add(marks([event(1)]), NOON)
    (item,) = table(ids_name).scan()["Items"]
    assert item == {"event_id": "e1", "expires_at": int((NOON + YEAR).timestamp())}


class Interrupted:
    """A table whose transactions fail by a script, before or after they were carried out."""

    def __init__(self, table: Any, failures: list[Exception | None], *, after: bool) -> None:
        self.name = table.name
        self.meta = self
        self.client = self
        self.calls = 0
        self._real = table.meta.client
        self._failures = failures
        self._after = after

    def transact_write_items(self, **arguments: Any) -> Any:
        failure = self._failures[self.calls] if self.calls < len(self._failures) else None
        self.calls += 1
        if failure is not None and not self._after:
            raise failure
        answer = self._real.transact_write_items(**arguments)
        if failure is not None:
            raise failure
        return answer


def conflict() -> ClientError:
    response = {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
    }
    return ClientError(response, "TransactWriteItems")  # type: ignore[arg-type]


def test_a_conflict_is_tried_again_after_growing_pauses(table_name: str, ids_name: str) -> None:
    pauses: list[float] = []
    arms = Interrupted(table(table_name), [conflict(), conflict()], after=False)
    store = DynamoTallyStore(arms, table(ids_name), YEAR, sleep=pauses.append, uniform=lambda _low, high: high)
    assert store.add(marks([event(1)]), NOON) == 1
    assert pauses == [0.04, 0.08]


def test_conflicts_without_end_are_an_unavailable_table(table_name: str, ids_name: str) -> None:
    arms = Interrupted(table(table_name), [conflict()] * 99, after=False)
    store = DynamoTallyStore(arms, table(ids_name), YEAR, sleep=lambda _seconds: None)
    with pytest.raises(DependencyUnavailable, match="the arm table is unavailable at the moment"):
        store.add(marks([event(1)]), NOON)
    assert arms.calls == 10


@pytest.mark.parametrize("after", [False, True])
def test_an_answer_that_never_came_is_asked_for_again_and_counts_once(
    table_name: str, ids_name: str, *, after: bool
) -> None:
    arms = Interrupted(table(table_name), [ReadTimeoutError(endpoint_url="")], after=after)
    store = DynamoTallyStore(arms, table(ids_name), YEAR)
    with pytest.raises(DependencyUnavailable):
        store.add(marks([event(1), event(2)]), NOON)
    store.add(marks([event(1), event(2)]), NOON)
    real = DynamoTallyStore(table(table_name), table(ids_name), YEAR)
    assert real.tallies(KEY) == {"a": Tally(2, 0)}


def test_each_transaction_adds_to_one_shard(table_name: str, ids_name: str) -> None:
    store = DynamoTallyStore(table(table_name), table(ids_name), YEAR, in_turn(3))
    for number in range(4):
        store.add(marks([event(number, group_name="a.1"), event(10 + number, "click", group_name="b")]), NOON)
    counts = {
        item["item"]: (int(item["exposures"]), int(item["rewards"])) for item in table(table_name).scan()["Items"]
    }
    assert counts == {
        "00000002#tally#a.1": (2, 0),
        "00000002#tally.001#a.1": (1, 0),
        "00000002#tally.002#a.1": (1, 0),
        "00000002#tally#b": (0, 2),
        "00000002#tally.001#b": (0, 1),
        "00000002#tally.002#b": (0, 1),
    }
    assert store.tallies(KEY) == {"a.1": Tally(4, 0), "b": Tally(0, 4)}


def test_no_count_is_lost_when_the_number_of_shards_changes(table_name: str, ids_name: str) -> None:
    arms, ids = table(table_name), table(ids_name)
    for start, shards in ((0, 1), (10, 16), (20, 2)):
        store = DynamoTallyStore(arms, ids, YEAR, in_turn(shards))
        for number in range(start, start + 10):
            store.add(marks([event(number), event(number - 5)]), NOON)
    assert DynamoTallyStore(arms, ids, YEAR).tallies(KEY) == {"a": Tally(35, 0)}


def test_a_transaction_that_met_another_goes_to_another_shard(table_name: str, ids_name: str) -> None:
    arms = Interrupted(table(table_name), [conflict()], after=False)
    store = DynamoTallyStore(arms, table(ids_name), YEAR, in_turn(3), sleep=lambda _seconds: None)
    assert store.add(marks([event(1)]), NOON) == 1
    assert [item["item"] for item in table(table_name).scan()["Items"]] == ["00000002#tally.001#a"]


def test_a_stack_without_tallies_keeps_none() -> None:
    store = NoTallies()
    assert store.add(marks([event(1)]), NOON) == 0
    assert store.tallies(KEY) == {}
