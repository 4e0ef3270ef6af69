from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.arms import (
    ArmRecord,
    ArmsKey,
    ArmStore,
    DynamoArmStore,
    Epoch,
    EpochConflict,
    InMemoryArmStore,
)
from bakeoff_core.stores.aws import table
from bakeoff_core.stores.counters import Shards
from tests.support import NOON

KEY = ArmsKey("checkout_button", 1)
FIRST = Epoch(1, NOON, {"a": ArmRecord(200, 100, 5, 0.025), "epoch": ArmRecord(210, 110, 16, 0.975)})


def in_turn(shards: int) -> Shards:
    turn = count()
    return Shards(shards, randrange=lambda below: next(turn) % below)


@pytest.fixture(params=["memory", "dynamodb", pytest.param("dynamodb in shards", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest) -> ArmStore:
    if request.param == "memory":
        return InMemoryArmStore()
    shards = in_turn(3) if "shards" in request.param else Shards()
    return DynamoArmStore(table(request.getfixturevalue("table_name")), shards)


def test_counts_units_by_group(store: ArmStore) -> None:
    assert store.assigned(KEY) == {}
    for group in ("a", "b.c", "a", "epoch"):
        store.count_assigned(KEY, group)
    assert store.assigned(KEY) == {"a": 2, "b.c": 1, "epoch": 1}


def test_tells_experiments_and_configuration_versions_apart(store: ArmStore) -> None:
    store.count_assigned(KEY, "a")
    store.put_epoch(KEY, FIRST)
    for other in (ArmsKey("checkout_button", 2), ArmsKey("checkout_button", 11), ArmsKey("checkout", 1)):
        assert store.assigned(other) == {}
        assert store.epoch(other) is None


def test_no_count_is_lost_among_many_at_once(store: ArmStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.count_assigned(KEY, "ab"[n % 2]), range(80)))
    assert store.assigned(KEY) == {"a": 40, "b": 40}


def test_reads_the_epoch_that_was_written(store: ArmStore) -> None:
    assert store.epoch(KEY) is None
    store.put_epoch(KEY, FIRST)
    assert store.epoch(KEY) == FIRST
    second = Epoch(2, NOON + timedelta(minutes=15), {"a": ArmRecord(9, 9, 9, 1.0)})
    store.put_epoch(KEY, second)
    assert store.epoch(KEY) == second
    assert store.assigned(KEY) == {}


@pytest.mark.parametrize("number", [1, 3])
def test_an_epoch_that_does_not_follow_is_refused(store: ArmStore, number: int) -> None:
    store.put_epoch(KEY, FIRST)
    with pytest.raises(EpochConflict):
        store.put_epoch(KEY, Epoch(number, NOON, {}))
    assert store.epoch(KEY) == FIRST


def test_the_first_epoch_is_number_one(store: ArmStore) -> None:
    with pytest.raises(EpochConflict):
        store.put_epoch(KEY, Epoch(2, NOON, {}))


def test_of_epochs_at_the_same_time_one_wins(store: ArmStore) -> None:
    def write(_writer: int) -> bool:
        try:
            store.put_epoch(KEY, FIRST)
        except EpochConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1


def test_epochs_are_kept_the_fewer_the_longer_ago_they_were(store: ArmStore) -> None:
    assert store.epochs(KEY) == []
    written = [
        Epoch(number, NOON + timedelta(minutes=15 * number), {"a": ArmRecord(number, 1, 0, 1.0)})
        for number in range(1, 141)
    ]
    for epoch in written:
        store.put_epoch(KEY, epoch)
    found = store.epochs(KEY)
    kept = {epoch.number for epoch in found}
    assert found == [epoch for epoch in written if epoch.number in kept]
    assert set(range(140 - 64, 141)) <= kept
    # Of 140 numbers 70 are odd, of which the first 6 made place.
    assert kept == set(range(2, 141, 2)) | set(range(13, 141, 2))
    assert store.epochs(ArmsKey(KEY.experiment, 2)) == []
    assert store.epoch(KEY) == written[-1]
    assert store.assigned(KEY) == {}


def test_an_epoch_that_was_refused_is_not_kept(store: ArmStore) -> None:
    store.put_epoch(KEY, FIRST)
    with pytest.raises(EpochConflict):
        store.put_epoch(KEY, Epoch(1, NOON + timedelta(hours=1), {}))
    assert store.epochs(KEY) == [FIRST]


def test_a_table_that_does_not_answer_is_an_unavailable_dependency(aws: None) -> None:
    store = DynamoArmStore(table("missing"))
    for call in (
        lambda: store.count_assigned(KEY, "a"),
        lambda: store.assigned(KEY),
        lambda: store.epoch(KEY),
        lambda: store.put_epoch(KEY, FIRST),
        lambda: store.epochs(KEY),
    ):
        with pytest.raises(DependencyUnavailable, match="the arm table is unavailable at the moment"):
            call()


def test_a_group_is_counted_in_all_its_shards(table_name: str) -> None:
    arms = DynamoArmStore(table(table_name), in_turn(4))
    for _ in range(7):
        arms.count_assigned(KEY, "a")
    items = {item["item"]: int(item["assigned"]) for item in table(table_name).scan()["Items"]}
    assert items == {
        "00000001#group#a": 2,
        "00000001#group.001#a": 2,
        "00000001#group.002#a": 2,
        "00000001#group.003#a": 1,
    }
    assert DynamoArmStore(table(table_name)).assigned(KEY) == {"a": 7}
