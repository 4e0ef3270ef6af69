"""Fifty callers at once on one DynamoDB, each with an allocator of its own, as fifty containers would."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from moto import mock_aws

from bakeoff_core.assignment.allocation import AllocationStores, Allocator
from bakeoff_core.assignment.drawing import Draw
from bakeoff_core.stores.arms import ArmsKey, DynamoArmStore
from bakeoff_core.stores.assignments import DynamoAssignmentStore
from bakeoff_core.stores.aws import table
from tests.aws import create_table, serialise_moto
from tests.support import NOON, SettableClock, experiment

CALLERS = 50
GROUPS = [{"name": name, "weight": weight} for name, weight in (("a", 5), ("b", 3), ("c", 2))]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    serialise_moto(monkeypatch)
    with mock_aws():
        create_table("assignments", "key")
        create_table("arms", "name", "item")
        yield table("assignments"), table("arms")


def allocators(tables: tuple[Any, Any]) -> list[Allocator]:
    stores = AllocationStores(DynamoAssignmentStore(tables[0]), DynamoArmStore(tables[1]))
    custom = {"even": lambda _experiment, _unit: {"a": 1.0, "b": 1.0, "c": 1.0}}
    return [
        Allocator(stores, np.random.default_rng(seed).random, SettableClock(), 10, custom) for seed in range(CALLERS)
    ]


@pytest.mark.parametrize("algorithm", ["random", "weighted", "bandit", "custom"])
def test_fifty_first_calls_for_one_user_agree(tables: tuple[Any, Any], algorithm: str) -> None:
    custom = {"custom_algorithm": "even"} if algorithm == "custom" else {}
    running = experiment(groups=GROUPS, assignment_algorithm=algorithm, **custom)
    start = Barrier(CALLERS)

    def first_call(allocate: Allocator) -> Draw:
        start.wait()
        return allocate(running, "the same new user", NOON)

    with ThreadPoolExecutor(CALLERS) as pool:
        drawn = list(pool.map(first_call, allocators(tables)))
    assert len({each.group for each in drawn}) == 1
    assert len({each.propensity for each in drawn}) == 1
    if algorithm == "weighted":
        assert DynamoArmStore(tables[1]).assigned(ArmsKey("checkout_button", 1)) == {drawn[0].group: 1}


def test_a_crowd_of_new_users_leaves_the_groups_balanced(tables: tuple[Any, Any]) -> None:
    running = experiment(groups=GROUPS, assignment_algorithm="weighted")
    callers = allocators(tables)
    units = [f"user-{number}" for number in range(300)]
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda pair: callers[pair[0] % CALLERS](running, pair[1], NOON), enumerate(units)))
    found = Counter(each.group for each in drawn)
    assert DynamoArmStore(tables[1]).assigned(ArmsKey("checkout_button", 1)) == found
    # Eight callers at once may each add a unit before the others' counts are seen.
    assert all(abs(found[name] - 300 * share) <= 5 + 8 for name, share in running.shares.items())
